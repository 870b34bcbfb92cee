"""The exporter of OpenTelemetry's own SDK, over gRPC, does what the OTLP specification says when we are in trouble."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection
from opentelemetry.exporter.otlp.proto.grpc import exporter as exporter_module
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from analytics.ingest import serve
from analytics.router import conninfo
from tests.acceptance.product import wait_until
from tests.analytics.ingest.conftest import Client, Start, nobody_can_write, rows_stored, tally, waiting
from tests.analytics.ingest.spans import TEST_RUN, span

PATIENCE_SECONDS = 60.0
Exporter = Callable[..., OTLPSpanExporter]


@pytest.fixture
def retries(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What the exporter says each time before it sends again."""
    # Our settings keep it quiet, its tally says the same.
    caplog.set_level(logging.WARNING, logger="opentelemetry.exporter")
    # Within twenty seconds it says nothing twice, and another test may have made it say this.
    monkeypatch.setattr(exporter_module.logger, "filters", [])
    return lambda: [each.getMessage() for each in caplog.records if "retrying in" in each.getMessage()]


def a_span() -> ReadableSpan:
    """One of the SDK's own."""
    provider = TracerProvider(resource=Resource({"deployment.type": "cloud"}), shutdown_on_exit=False)
    began = provider.get_tracer("a client's").start_span("feature.usage", attributes=TEST_RUN)
    began.end()
    assert isinstance(began, ReadableSpan)
    return began


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    made: list[OTLPSpanExporter] = []

    def make(port: int, **headers: str) -> OTLPSpanExporter:
        endpoint = f"http://127.0.0.1:{port}"
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        made.append(OTLPSpanExporter(endpoint=endpoint, headers=named, timeout=PATIENCE_SECONDS))
        return made[-1]

    yield make
    for each in made:
        each.shutdown()


@contextmanager
def no_connections() -> Iterator[None]:
    """As long as this lasts, the database is stopped for the processor: nobody is on it and nobody gets in."""
    name = conninfo_to_dict(conninfo())["dbname"]
    of_django = _of_django()
    with psycopg.connect(make_conninfo(conninfo(), dbname="template1"), autocommit=True) as own:
        hang_up = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s AND pid <> ALL(%s)"
        own.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')  # type: ignore[arg-type]
        try:
            own.execute(hang_up, [name, of_django])
            yield
        finally:
            own.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')  # type: ignore[arg-type]


def _of_django() -> list[int]:
    connection.ensure_connection()
    return [connection.connection.info.backend_pid]


def test_what_it_sends_is_stored(start: Start, exporter: Exporter) -> None:
    assert exporter(start().port).export([a_span()]) is SpanExportResult.SUCCESS

    assert rows_stored() == 1


def test_against_a_full_queue_it_waits_and_sends_again(
    start: Start,
    clients: Callable[..., Client],
    exporter: Exporter,
    retries: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serve, "LIMIT", 1)
    port = start().port
    with ThreadPoolExecutor(2) as threads:
        with nobody_can_write() as own:
            threads.submit(clients(port).export, span())
            waiting(own, 1)
            sending = threads.submit(exporter(port).export, [a_span()])
            wait_until("it was told to come again", retries)
        assert sending.result(PATIENCE_SECONDS) is SpanExportResult.SUCCESS

    assert all("retrying in 1.00s" in each for each in retries()), "after the second that it was told"
    assert rows_stored() == 2


def test_against_a_stopped_database_it_sends_again_until_it_is_back(
    start: Start, exporter: Exporter, retries: Callable[[], list[str]]
) -> None:
    sender = exporter(start().port)
    assert sender.export([a_span()]) is SpanExportResult.SUCCESS
    with ThreadPoolExecutor(1) as thread:
        with no_connections():
            sending: Future[SpanExportResult] = thread.submit(sender.export, [a_span()])
            wait_until("it has tried", retries)
        assert sending.result(PATIENCE_SECONDS) is SpanExportResult.SUCCESS

    assert (rows_stored(), tally()) == (2, {("stored", ""): 2})


def test_with_a_wrong_key_it_gives_up_at_once(
    start: Start, exporter: Exporter, retries: Callable[[], list[str]]
) -> None:
    outcome = exporter(start(api_key="the key").port, x_api_key="another").export([a_span()])

    assert (outcome, retries(), rows_stored()) == (SpanExportResult.FAILURE, [], 0)
