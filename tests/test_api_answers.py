"""Every answer of the API has exactly the fields that its OpenAPI schema has: none missing, none besides."""

import copy
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from django.core.cache import cache
from django.test import override_settings
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from privacy import api_shapes, services
from privacy.models import Right, ServiceToken
from tests.privacy.test_api import store_rows
from tests.support.people import someone_who_shares
from tests.support.wire import wired

pytestmark = pytest.mark.django_db(transaction=True)
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
TELEMETRY = "/api/users/telemetry/"
RECEIPT = f"{TELEMETRY}history/{{event}}/receipt"
POLICY, DECISION = "/api/organization/telemetry-policy", "/api/telemetry/decision"
REPORTS = "/api/reports"
# Of paths with such a part.
IN_PATH = {"event": str(uuid4()), "name": "retention"}
PASSWORD = "seven bridges over the Pregel"


def closed(schema: Any) -> Any:
    """The schema, with no fields allowed but those it names."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
            # What the server answers has all its fields.
            schema["required"] = list(schema["properties"])
    return [closed(each) for each in schema] if isinstance(schema, list) else schema


class Api:
    """Calls the site, and holds each answer against the schema."""

    def __init__(self, url: str) -> None:
        self.url = url
        raw = copy.deepcopy(schemathesis.openapi.from_url(f"{url}/api/schema").raw_schema)
        self.schema = schemathesis.openapi.from_dict(closed(raw))
        self.seen: set[tuple[str, str, int]] = set()

    def call(self, method: str, path: str, *, token: str = "", expect: int = 200, **parts: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        case = self.schema[path][method].Case(headers=headers, **parts)
        answer = case.call(base_url=self.url)
        assert answer.status_code == expect, answer.text
        case.validate_response(answer, checks=CHECKS)
        self.seen.add((method, path, expect))
        return answer.json() if answer.headers.get("content-type") == ["application/json"] else answer.text

    def operations(self) -> set[tuple[str, str]]:
        return {(method.upper(), path) for path, found in self.schema.raw_schema["paths"].items() for method in found}


@pytest.fixture
def person() -> User:
    found = someone_who_shares()
    found.set_password(PASSWORD)
    found.save()
    return found


@pytest.fixture
def api(live_server: Any) -> Iterator[Api]:
    cache.clear()
    with wired(TELEMETRY_STORED_HERE="true"):
        yield Api(live_server.url)


@pytest.fixture
def token(api: Api, person: User) -> str:
    body = {"username": person.username, "password": PASSWORD}
    found: str = api.call("POST", "/api/auth/login", body=body, media_type="application/json")["session_token"]
    return found


def test_every_operation_answers_with_the_fields_of_its_schema_and_no_others(
    api: Api, person: User, token: str
) -> None:
    store_rows(person)
    api.call("GET", f"{TELEMETRY}status", token=token)
    for choice in ("disable", "enable"):
        api.call("PUT", f"{TELEMETRY}{choice}", token=token)
    api.call("GET", f"{TELEMETRY}preview", token=token)
    history = api.call("GET", f"{TELEMETRY}history", token=token)["results"]
    assert len(history) >= 2
    api.call("GET", RECEIPT, token=token, path_parameters={"event": history[0]["id"]})
    assert person.organization is not None
    person.organization.administrators.add(person)
    for method in ("GET", "PUT", "DELETE"):
        api.call(method, POLICY, token=token)
    digest, of_service = services.new_token()
    ServiceToken.objects.create(name="shop", digest=digest)
    for user, is_on in ((person.pk, True), (uuid4(), False)):
        found = api.call("GET", DECISION, token=of_service, query={"user": str(user)})
        assert found["telemetry_enabled"] is is_on
    digest, of_dashboard = services.new_token()
    ServiceToken.objects.create(name="dashboard", digest=digest, right=Right.REPORTS)
    reports = api.call("GET", REPORTS, token=of_dashboard)["reports"]
    assert "retention" in {each["name"] for each in reports}
    api.call("GET", f"{REPORTS}/{{name}}", token=of_dashboard, path_parameters={"name": "retention"})
    assert api.call("GET", f"{TELEMETRY}data", token=token, query={"limit": 1})["next"] is not None
    api.call("GET", f"{TELEMETRY}data", token=token, query={"format": "ndjson"})
    done = api.call("DELETE", f"{TELEMETRY}data", token=token, expect=202)
    with override_settings(TELEMETRY_STORED_HERE="false", OTEL_EXPORTER_OTLP_ENDPOINT=""):
        assert api.call("GET", f"{TELEMETRY}data", token=token)["stored_here"] is False
        pending = api.call("DELETE", f"{TELEMETRY}data", token=token, expect=202)
    receipts = api.call("GET", f"{TELEMETRY}erasures", token=token)["results"]
    assert [each["id"] for each in receipts] == [pending["id"], done["id"]]
    api.call("POST", "/api/auth/logout", token=token, expect=204)
    assert {(method, path) for method, path, _ in api.seen} == api.operations(), "an operation has no answer here"


def test_every_refusal_answers_with_the_fields_of_its_schema_and_no_others(api: Api, token: str) -> None:
    for method, path in sorted(api.operations() - {("POST", "/api/auth/login")}):
        in_path = {name: value for name, value in IN_PATH.items() if f"{{{name}}}" in path}
        parts = {"path_parameters": in_path} if in_path else {}
        api.call(method, path, expect=401, **parts)
    wrong = {"username": "nobody", "password": "wrong"}
    api.call("POST", "/api/auth/login", body=wrong, media_type="application/json", expect=401)
    api.call("POST", "/api/auth/login", body={}, media_type="application/json", expect=400)
    api.call("GET", f"{TELEMETRY}data", token=token, query={"limit": 0}, expect=400)
    api.call("GET", RECEIPT, token=token, path_parameters={"event": str(uuid4())}, expect=404)


@pytest.mark.parametrize("change", ["missing", "besides"])
def test_the_comparison_notices_a_field_that_is_missing_and_one_besides(
    api: Api, token: str, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    made = api_shapes.TelemetryStatus.to_representation

    def other(self: Any, instance: Any) -> Any:
        answer = made(self, instance)
        if change == "besides":
            return answer | {"mood": "fine"}
        del answer["user_id"]
        return answer

    monkeypatch.setattr(api_shapes.TelemetryStatus, "to_representation", other)
    with pytest.raises(FailureGroup):
        api.call("GET", f"{TELEMETRY}status", token=token)
