"""The API's readable page: every call, with what it takes and answers."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_the_page_has_every_call_with_its_parameters_and_answers() -> None:
    page = Client().get("/api/docs")
    schema = Client().get("/api/schema").json()
    assert page.status_code == 200 and '<script src="http' not in page.text
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            start = page.text.index(f'id="{operation["operationId"]}-title"')
            section = page.text[start : page.text.index("</section>", start)]
            assert f"{method.upper()} {path}" in section
            for each in [*operation.get("parameters", []), *({"name": status} for status in operation["responses"])]:
                assert each["name"] in section, f"{method} {path}: {each['name']}"


def test_fields_of_objects_in_lists_and_what_may_be_null_are_named() -> None:
    page = Client().get("/api/docs").text
    assert "<code>reports[].columns[].kind</code>" in page
    assert "date-time, or null" in page and "one of cloud, self_hosted" in page
    assert "Needs the token of a service." in page
