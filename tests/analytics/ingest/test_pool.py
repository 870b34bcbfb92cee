"""Requests that wait together share a transaction, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from analytics.ingest import pool as pool_module
from analytics.ingest.pool import Busy, Pool
from analytics.ingest.verdict import Reason, Verdict
from analytics.models import Tombstone
from analytics.router import conninfo
from analytics.vocabulary import Category
from tests.acceptance.product import wait_until
from tests.analytics.ingest import packed
from tests.analytics.ingest.conftest import nobody_can_write, rows_stored, tally, waiting

SOMEBODY = UUID(int=0xBEEF)


@pytest.fixture
def one_writer(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    monkeypatch.setattr(pool_module, "WRITERS", 1)
    pool = Pool(conninfo(), slot=0)
    yield pool
    pool.close()


def of(*names: str, person: UUID = SOMEBODY, rejected: int = 0) -> Verdict:
    """A request of a feature for each name."""
    found = Verdict(received=len(names) + rejected)
    when = datetime.now(UTC) - timedelta(minutes=1)
    found.rows[Category.FEATURE_USAGE] += [
        packed.row(Category.FEATURE_USAGE, name, "created", when=when, id_=uuid4(), person=person) for name in names
    ]
    if rejected:
        found.refusals[Reason.BAD_USER, "petclinic"] = rejected
    return found


@contextmanager
def waiting_together(pool: Pool, *requests: Verdict) -> Iterator[list[object]]:
    """All of them wait for a writer that is held up; at the end they go on, and the outcomes are in the list."""
    outcomes: list[object] = []

    def write(verdicts: Verdict) -> object:
        try:
            pool.write(verdicts, patience_seconds=60)
        except psycopg.Error as error:
            return error
        return None

    with ThreadPoolExecutor(len(requests) + 1) as threads:
        with nobody_can_write() as own:
            first = threads.submit(write, of("first"))
            waiting(own, 1)
            others = []
            for number, verdicts in enumerate(requests, start=1):
                others.append(threads.submit(write, verdicts))
                wait_until("it waits", lambda number=number: len(pool._waiting) == number)  # type: ignore[misc]
        assert first.result(60) is None
        outcomes += [each.result(60) for each in others]
    yield outcomes


def transactions() -> list[int]:
    """Number of rows in each transaction that wrote any, in order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM analytics_feature_usage GROUP BY xmin ORDER BY min(xmin::text::bigint)")
        return [number for (number,) in cursor.fetchall()]


def test_alone_each_request_has_a_transaction_of_its_own(one_writer: Pool) -> None:
    one_writer.write(of("a"), patience_seconds=60)
    one_writer.write(of("b", "c"), patience_seconds=60)

    assert transactions() == [1, 2]


def test_those_that_wait_together_share_one(one_writer: Pool) -> None:
    with waiting_together(one_writer, of("a"), of("b", "c"), of("d", rejected=2)) as outcomes:
        assert outcomes == [None, None, None]

    assert transactions() == [1, 4]
    assert tally() == {("stored", ""): 5, ("rejected", "bad_user"): 2}


def test_a_group_has_a_limit(one_writer: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "LARGEST_GROUP", 3)

    with waiting_together(one_writer, of("a", "b"), of("c", "d"), of("e")):
        assert transactions() == [1, 4, 1]


def test_one_that_the_database_refuses_costs_those_that_wait_with_it_nothing(one_writer: Pool) -> None:
    """Validation lets nothing through that the database would refuse; should it ever, the others are not to suffer."""
    with waiting_together(one_writer, of("a"), of("x" * 65), of("b")) as outcomes:
        assert [type(outcome) for outcome in outcomes] == [
            type(None),
            psycopg.errors.StringDataRightTruncation,
            type(None),
        ]

    assert (rows_stored(), tally()) == (3, {("stored", ""): 3})


def test_the_same_span_in_two_requests_that_wait_together_is_stored_once(one_writer: Pool) -> None:
    same = of("a")
    again = Verdict(received=1, rows={category: list(rows) for category, rows in same.rows.items()})

    with waiting_together(one_writer, same, again) as outcomes:
        assert outcomes == [None, None]

    assert tally() == {("stored", ""): 2, ("duplicate", ""): 1}


def test_each_request_is_told_of_its_own_rejections(one_writer: Pool) -> None:
    person = uuid4()
    Tombstone.objects.create(user_id=person, until=datetime.now(UTC))
    erased, kept = of("a", "b", person=person), of("c", rejected=1)

    with waiting_together(one_writer, erased, kept):
        assert (dict(erased.rejected), dict(kept.rejected)) == (
            {Reason.ERASED: 2},
            {Reason.BAD_USER: 1, Reason.ERASED: 0},
        )

    assert tally() == {("stored", ""): 2, ("rejected", "erased"): 2, ("rejected", "bad_user"): 1}


def test_a_request_that_would_wait_no_longer_is_not_written_later(one_writer: Pool) -> None:
    with ThreadPoolExecutor(1) as thread:
        with nobody_can_write() as own:
            first = thread.submit(one_writer.write, of("first"), patience_seconds=60)
            waiting(own, 1)
            with pytest.raises(Busy):
                one_writer.write(of("impatient"), patience_seconds=0.01)
        first.result(60)
    one_writer.write(of("last"), patience_seconds=60)

    assert rows_stored() == 2


def test_what_is_being_written_is_waited_for_however_long_it_takes(one_writer: Pool) -> None:
    with ThreadPoolExecutor(1) as thread:
        with nobody_can_write() as own:
            impatient = thread.submit(one_writer.write, of("a"), patience_seconds=0.01)
            waiting(own, 1)
        impatient.result(60)

    assert rows_stored() == 1


def test_a_database_that_is_away_is_everyones_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool("host=/nonexistent", slot=0)
    with pytest.raises(psycopg.OperationalError):
        pool.write(of("a"), patience_seconds=60)
    pool.close()


def test_writers_that_never_began_can_be_closed() -> None:
    Pool("host=/nonexistent", slot=0).close()
