"""A consenting person with a browser session, and a wire that keeps what goes out."""

import json
import time
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest
from django.db import DatabaseError
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from analytics.collect.relay import forward
from analytics.collect.relay.allowance import allowance
from privacy.choices import choose
from privacy.models import Source
from tests.support.wire import Wire


@pytest.fixture(autouse=True)
def installation(settings: Settings, db: None) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:1"
    settings.NEXT_PUBLIC_OTEL_ENDPOINT = "/v1/traces"
    allowance.forget()


@pytest.fixture
def wire() -> Iterator[Wire]:
    found = Wire()
    with forward.replaced(lambda: found):
        yield found


@pytest.fixture
def person() -> User:
    person = User.objects.create_user("ada", password="a good password")
    choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
    return person


class Browser:
    """A page of this site in the person's session."""

    def __init__(self, person: User) -> None:
        self.client = Client()
        self.client.force_login(person)
        self.page: str = self.client.get("/v1/identity").json().get("page", "")

    def post(self, body: Any, *, content_type: str = "application/json", **headers: str) -> HttpResponse:
        """Send `body`, bytes as they are and anything else as JSON."""
        return self.client.post(  # type: ignore[return-value]
            "/v1/traces",
            body if isinstance(body, bytes) else json.dumps(body),
            content_type=content_type,
            headers={"Origin": "http://testserver", "X-Telemetry-Page": self.page, **headers},
        )


@pytest.fixture
def browser(person: User) -> Browser:
    return Browser(person)


def span(*, at_ns: int | None = None, ids: tuple[str, str] | None = None, **attributes: Any) -> dict[str, Any]:
    """A span as the browser's serializer writes it; attributes by name with `__` for a dot."""
    trace_id, span_id = ids or (token_hex(16), token_hex(8))
    at = str(time.time_ns() if at_ns is None else at_ns)
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "name": "whatever",
        "kind": 1,
        "startTimeUnixNano": at,
        "endTimeUnixNano": at,
        "attributes": [{"key": name.replace("__", "."), "value": _value(value)} for name, value in attributes.items()],
        "events": [],
        "links": [],
        "status": {"code": 0},
        "flags": 257,
    }


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": value}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case _:
            return value  # type: ignore[no-any-return]


def page_view(route: Any = "/tests/:id", **more: Any) -> dict[str, Any]:
    return span(
        event__category="feature_usage",
        feature__name="page_view",
        feature__action="viewed",
        metadata__route=route,
        **more,
    )


def body(*spans: dict[str, Any]) -> dict[str, Any]:
    scope = {"name": "rhesis.telemetry.browser"}
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": scope, "spans": list(spans)}]}]}


def unreadable(*_: object) -> None:
    """In place of what reads consent, while the database is away."""
    raise DatabaseError
