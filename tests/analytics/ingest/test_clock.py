"""Whose clock decides that a span is too old or in the future, and what happens where clocks differ."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc
import psycopg
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics.ingest import clock as clock_module
from analytics.ingest.clock import DatabaseClock
from analytics.router import conninfo
from privacy.clock import unix_ns
from tests.analytics.ingest.conftest import Client, rows_stored, tally
from tests.analytics.ingest.spans import PERSON
from tests.collector.spans import of_test_run
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

MINUTE, YEAR = timedelta(minutes=1), timedelta(days=365)


@pytest.fixture
def this_host(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets this host's clock ahead."""

    def set_clock(ahead: timedelta) -> None:
        class Ahead(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:
                return datetime.now(UTC) + ahead

        monkeypatch.setattr(clock_module, "datetime", Ahead)

    return set_clock


def at(ahead: timedelta) -> Span:
    """A span that begins so long from now."""
    span = of_test_run(PERSON, 1)
    span.start_time_unix_nano = span.end_time_unix_nano = unix_ns(datetime.now(UTC) + ahead)
    return span


@pytest.mark.parametrize("ahead", [-15 * MINUTE, 15 * MINUTE, -2 * YEAR, 2 * YEAR])
def test_a_processor_whose_clock_is_wrong_stores_what_the_databases_clock_allows(
    client: Client, this_host: Callable[[timedelta], None], ahead: timedelta
) -> None:
    this_host(ahead)
    client.export(at(timedelta()))
    assert (rows_stored(), tally()) == (1, {("stored", ""): 1})


@pytest.mark.parametrize("moment", [15 * MINUTE, -2 * YEAR])
def test_while_clocks_differ_no_span_is_rejected_for_its_time_and_all_are_sent_again(
    client: Client, this_host: Callable[[timedelta], None], moment: timedelta
) -> None:
    this_host(15 * MINUTE)
    error = client.refusal(at(timedelta()), at(moment))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "clock" in (error.details() or "")
    assert (rows_stored(), tally()) == (0, {})
    this_host(timedelta())
    assert client.export(at(timedelta()), at(moment)).partial_success.rejected_spans == 1
    assert rows_stored() == 1


def test_the_database_is_asked_once_a_minute_and_what_it_said_holds_while_it_is_away(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    asked = []

    def connect(conninfo: str) -> psycopg.Connection:
        asked.append(conninfo)
        return psycopg.connect(conninfo)

    monkeypatch.setattr("analytics.ingest.clock.connect", connect)
    ours = DatabaseClock(conninfo())
    clock.still = True
    first, is_certain = ours.now()
    assert is_certain
    clock.skipped += 59
    assert (ours.now()[0] - first, len(asked)) == (timedelta(seconds=59), 1)
    clock.skipped += 1
    ours._conninfo = "host=/nowhere"
    assert (ours.now()[0] - first, len(asked)) == (timedelta(seconds=60), 2)


def test_a_database_that_was_never_reached_vouches_for_no_clock() -> None:
    now, is_certain = DatabaseClock("host=/nowhere").now()
    assert abs(datetime.now(UTC) - now) < MINUTE
    assert not is_certain
