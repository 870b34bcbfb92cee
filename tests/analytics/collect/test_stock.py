"""The stock instrumentor as the source of endpoint spans: the same route, method, status and time as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import WARNING, run_checks
from django.test import override_settings
from opentelemetry.instrumentation.django import DjangoInstrumentor

from analytics.collect import stock
from tests.analytics.collect.test_requests import endpoints
from tests.support.people import a_person, alias_of, signed_in, someone_who_shares, with_token
from tests.support.wire import wired

pytestmark = pytest.mark.django_db(transaction=True)
URLS = "tests.analytics.collect.test_requests"
STATUS = "/api/users/telemetry/status"


@contextmanager
def instrumented(**more: Any) -> Iterator[Any]:
    """The instrumentor puts its middleware into the settings' list, so it gets one of its own."""
    with (
        override_settings(MIDDLEWARE=list(settings.MIDDLEWARE)),
        wired(ROOT_URLCONF=URLS, **more) as (wire, running),
    ):
        stock.instrument()
        try:
            yield wire, running
        finally:
            stock.uninstrument()


def visits() -> list[tuple[str, str]]:
    feature = "/feature/1/"
    return [
        ("GET", "/feature/4711/?q=x"),
        ("POST", feature),
        ("GET", "/gone/7/"),
        ("BREW", feature),
        ("GET", "/things.csv"),
    ]


def test_limits_of_the_host_s_own_spans_leave_the_route_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    with instrumented(OTEL_PYTHON_DJANGO_INSTRUMENT="true") as (wire, running):
        signed_in(someone_who_shares()).get("/feature/4711/")
        running.flush()
    assert [route for _, route, _ in endpoints(wire)] == ["/feature/{number}/"]


def test_for_the_same_requests_both_say_the_same_and_one_lies_inside_the_other() -> None:
    person = someone_who_shares()
    browser, program = signed_in(person), with_token(person)
    # With the variable unset our own middleware measures too, so each request is measured by both.
    with instrumented() as (wire, running):
        for method, path in visits():
            browser.generic(method, path)
        program.get(STATUS)
        running.flush()
    spans = [span for span in wire.spans if (span.attributes or {})["event.category"] == "endpoint_usage"]
    ours, theirs = spans[0::2], spans[1::2]
    assert len(ours) == len(theirs) == 6
    for one, other in zip(ours, theirs, strict=True):
        assert one.attributes == other.attributes
        assert other.start_time <= one.start_time <= one.end_time <= other.end_time


def test_with_the_variable_set_only_the_stock_span_is_recorded() -> None:
    person = someone_who_shares()
    browser = signed_in(person)
    with instrumented(OTEL_PYTHON_DJANGO_INSTRUMENT="true") as (wire, running):
        for method, path in visits():
            browser.generic(method, path, headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"})
        running.flush()
    assert endpoints(wire) == [
        ("GET", "/feature/{number}/", 200),
        ("POST", "/feature/{number}/", 200),
        ("GET", "/gone/{number}/", 404),
        ("_OTHER", "/feature/{number}/", 200),
        ("GET", "/things.{format}", 200),
    ]
    allowed = {"event.category", "user.id", "organization.id", "http.request.method", "http.route"}
    for span in wire.spans:
        if (span.attributes or {})["event.category"] == "endpoint_usage":
            assert set(span.attributes or {}) == allowed | {"http.response.status_code"}
            assert span.parent is None and span.context.trace_id != int("ab" * 16, 16) and not span.events
    assert {each["user.id"] for each in wire.attributes()} == {str(alias_of(person))}


def test_if_the_host_installed_it_our_middleware_measures_and_a_warning_is_logged() -> None:
    browser = signed_in(someone_who_shares())
    with override_settings(MIDDLEWARE=list(settings.MIDDLEWARE)):
        DjangoInstrumentor().instrument()
        try:
            with wired(ROOT_URLCONF=URLS, OTEL_PYTHON_DJANGO_INSTRUMENT="true") as (wire, running):
                stock.instrument()
                browser.get("/feature/4711/")
                running.flush()
                findings = [(finding.id, finding.level) for finding in run_checks(tags=["analytics"])]
            assert endpoints(wire) == [("GET", "/feature/{number}/", 200)]
            assert findings == [("analytics.W004", WARNING)]
        finally:
            DjangoInstrumentor().uninstrument()


def test_of_someone_who_refuses_and_of_nobody_nothing_goes() -> None:
    refusing = signed_in(a_person())
    with instrumented(OTEL_PYTHON_DJANGO_INSTRUMENT="true") as (wire, running):
        refusing.get("/feature/1/")
        refusing.get("/quiet/")
        running.flush()
    assert wire.spans == []
