"""The doctor's test span: each leg of its way that fails is named, and nothing is left of the span."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import uuid4

import grpc
import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.doctor import installation, round_trip
from analytics.doctor.finding import Finding, Level
from analytics.doctor.round_trip import examine_round_trip
from analytics.ingest.serve import Processor
from analytics.models import DoctorSpan, TouchedDay
from analytics.router import conninfo
from privacy.models import InstallationControl
from tests.acceptance.product import free_port
from tests.analytics.ingest.conftest import rows_stored, tally
from tests.analytics.ingest.spans import LOGIN, of, span
from tests.collector.spans import Value
from tests.support.collectors import (
    Taken,
    accepts,
    answers,
    fails,
    grpc_collector,
    hangs,
    http_collector,
    partial_success,
    resets,
    says,
    waits,
)
from tests.support.processor import send

pytestmark = pytest.mark.django_db(transaction=True)
DOCTORS: dict[str, Value] = {"event.category": "doctor_span"}


@pytest.fixture(autouse=True)
def _impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TELEMETRY_STORED_HERE = True
    settings.OTEL_EXPORTER_OTLP_HEADERS = "x-team=blue"
    monkeypatch.setattr(round_trip, "STORED_WITHIN_SECONDS", 0.2)
    monkeypatch.setattr(installation, "EXPORT_TIMEOUT_SECONDS", 1.0)


@pytest.fixture
def port() -> Iterator[int]:
    """A processor that writes to the tests' database."""
    processor = Processor("127.0.0.1:0", conninfo())
    processor.start()
    yield processor.port
    processor.stop()


def examined(settings: Settings, url: str, protocol: str) -> Finding:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = url
    settings.OTEL_EXPORTER_OTLP_PROTOCOL = protocol
    [finding] = examine_round_trip(is_accepting=True, are_readable=True)
    assert finding.topic == "test span"
    assert not DoctorSpan.objects.exists(), "the doctor deletes its row, whatever happened"
    return finding


HTTP, GRPC = "http/protobuf", "grpc"
Collector = Callable[[], AbstractContextManager[Taken]]
BROKEN: list[tuple[str, str, Collector, str]] = [
    ("discards", HTTP, lambda: http_collector(answers()), "but not stored within"),
    ("refuses", HTTP, lambda: http_collector(answers(401)), "refused (HTTP 401)"),
    ("is busy", HTTP, lambda: http_collector(answers(503)), "busy (HTTP 503)"),
    ("hangs", HTTP, lambda: http_collector(hangs), "timeout"),
    ("resets", HTTP, lambda: http_collector(resets), "unreachable"),
    ("talks nonsense", HTTP, lambda: http_collector(says(b"220 mail.example ESMTP\r\n")), "not_otlp"),
    ("is a web page", HTTP, lambda: http_collector(answers(200, b"<p>Hello", Content_Type="text/html")), "(HTTP 200)"),
    ("rejects", HTTP, lambda: http_collector(answers(200, partial_success(1))), "rejected in an answer"),
    ("discards by gRPC", GRPC, lambda: grpc_collector(accepts()), "but not stored within"),
    (
        "refuses by gRPC",
        GRPC,
        lambda: grpc_collector(fails(grpc.StatusCode.UNAUTHENTICATED)),
        "refused (gRPC UNAUTHENTICATED)",
    ),
    ("hangs by gRPC", GRPC, lambda: grpc_collector(waits), "timeout"),
    ("rejects by gRPC", GRPC, lambda: grpc_collector(accepts(partial_success(1))), "rejected in an answer"),
]


@pytest.mark.parametrize(("protocol", "collector", "reason"), [each[1:] for each in BROKEN], ids=[e[0] for e in BROKEN])
def test_the_leg_that_fails_is_named(settings: Settings, protocol: str, collector: Collector, reason: str) -> None:
    with collector() as taken:
        finding = examined(settings, taken.url, protocol)

    assert finding.level is Level.BROKEN and reason in finding.what, finding
    assert finding.means and finding.do


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_nobody_at_the_endpoint(settings: Settings, protocol: str) -> None:
    finding = examined(settings, f"http://127.0.0.1:{free_port()}", protocol)

    assert finding.level is Level.BROKEN and "unreachable" in finding.what


def test_it_is_sent_as_the_site_sends_and_is_about_nobody(settings: Settings) -> None:
    with http_collector(answers()) as taken:
        examined(settings, taken.url, HTTP)

    [head], [request] = taken.heads, taken.requests()
    assert "x-team: blue" in head
    [of_resource] = request.resource_spans
    assert {each.key for each in of_resource.resource.attributes} == {"service.name", "deployment.type"}
    [sent] = of_resource.scope_spans[0].spans
    assert {each.key: each.value.string_value for each in sent.attributes} == DOCTORS
    assert sent.name == "doctor.span" and not sent.events and not sent.links


def test_it_is_stored_and_counted_nowhere(settings: Settings, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_trip, "STORED_WITHIN_SECONDS", 60.0)
    finding = examined(settings, f"http://127.0.0.1:{port}", GRPC)

    assert finding.level is Level.WELL and finding.what.startswith("stored after "), finding
    assert (rows_stored(), tally(), TouchedDay.objects.count()) == (0, {}, 0)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("telemetry is switched off", {"DO_NOT_TRACK": True}),
        ("the rows are stored elsewhere", {"TELEMETRY_STORED_HERE": False}),
        ("staff have stopped collecting", {}),
    ],
)
def test_it_is_not_sent_where_nothing_is_sent_or_nobody_can_look(
    settings: Settings, what: str, change: dict[str, bool]
) -> None:
    for name, value in change.items():
        setattr(settings, name, value)
    if not change:
        InstallationControl.objects.update_or_create(pk=1, defaults={"locked": True})
    with http_collector(answers()) as taken:
        finding = examined(settings, taken.url, HTTP)

    assert finding.level is Level.WELL and what in finding.what
    assert not taken.heads


def test_what_a_killed_doctor_left_is_deleted_by_the_next_and_another_doctors_is_not(settings: Settings) -> None:
    now = timezone.now()
    DoctorSpan.objects.create(sent_at=now - timedelta(hours=2))
    beside = DoctorSpan.objects.create(sent_at=now)
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://127.0.0.1:{free_port()}"

    list(examine_round_trip(is_accepting=True, are_readable=True))

    assert list(DoctorSpan.objects.values_list("pk", flat=True)) == [beside.pk]


def test_a_strangers_test_spans_leave_nothing_and_displace_nobody(port: int) -> None:
    waited_for = DoctorSpan.objects.create()
    spans = [span(DOCTORS, trace_id=uuid4().bytes) for _ in range(2000)]
    send(port, of(*spans))
    assert DoctorSpan.objects.get().stored_at is None and tally() == {}

    answer = send(port, of(*spans, span(DOCTORS, trace_id=waited_for.pk.bytes), span(LOGIN)))

    assert not answer.HasField("partial_success")
    stored_at = DoctorSpan.objects.get().stored_at
    assert stored_at is not None
    assert (rows_stored(), tally()) == (1, {("stored", ""): 1})
    send(port, of(span(DOCTORS, trace_id=waited_for.pk.bytes)))
    assert DoctorSpan.objects.get().stored_at == stored_at, "a repeated span changes nothing"


def test_a_table_that_is_missing_costs_the_rows_beside_it_nothing(port: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_doctor_span RENAME TO away")
    try:
        send(port, of(span(DOCTORS), span(LOGIN)))
        assert (rows_stored(), tally()) == (1, {("stored", ""): 1})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO analytics_doctor_span")
