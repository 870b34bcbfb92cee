"""A body that cannot be read is the caller's mistake, whatever is wrong with it."""

import pytest
from django.test import Client

from tests.support.people import a_person, with_token

pytestmark = pytest.mark.django_db
DEEP = 100_000


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_body_nested_too_deeply_is_refused_with_a_reason(opening: str) -> None:
    answers = [
        Client().post("/api/auth/login", opening * DEEP, content_type="application/json"),
        with_token(a_person()).put("/api/users/telemetry/enable", opening * DEEP, content_type="application/json"),
    ]
    assert [(each.status_code, each.json()) for each in answers] == [
        (400, {"detail": "JSON parse error - nested too deeply"})
    ] * 2
