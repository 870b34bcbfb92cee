"""Rows -> PostgreSQL, each once, with the tally in the same transaction."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from analytics.ingest import write
from analytics.ingest.verdict import Reason, Row, Verdict
from analytics.ingest.write import Writer
from analytics.models import EndpointUsage, FeatureUsage, IngestTally, Tombstone, TouchedDay, UserActivity
from analytics.retention import first_of_month, months_before
from analytics.router import conninfo
from analytics.vocabulary import Category
from tests.acceptance.product import wait_until
from tests.analytics.ingest import packed
from tests.analytics.ingest.conftest import rows_stored, tally

NOW = datetime.now(UTC)
SOMEBODY = UUID(int=0xBEEF)
STORED, DUPLICATE = ("stored", "", ""), ("duplicate", "", "")
ERASED = ("rejected", "erased", "")


@pytest.fixture
def writer(transactional_db: None) -> Iterator[Writer]:
    with Writer(conninfo(), slot=0) as writing:
        yield writing


@pytest.fixture
def elsewhere(transactional_db: None) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo(), autocommit=True) as connection:
        yield connection


def feature(number: int, *, when: datetime = NOW, person: UUID = SOMEBODY) -> Row:
    return packed.row(Category.FEATURE_USAGE, "test_run", "created", when=when, id_=UUID(int=number), person=person)


def of(*rows: Row, rejected: dict[Reason, int] | None = None) -> Verdict:
    found = Verdict(received=len(rows) + sum((rejected or {}).values()))
    found.rows[Category.FEATURE_USAGE] += rows
    found.refusals.update({(reason, "petclinic"): spans for reason, spans in (rejected or {}).items()})
    return found


def backend(of_writer: Writer) -> int:
    assert of_writer._connection is not None
    return of_writer._connection.info.backend_pid


def test_every_column_of_every_table_comes_back_as_it_was_written(writer: Writer) -> None:
    when, person, organization = datetime(2026, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC), uuid4(), uuid4()
    when = max(when, months_before(NOW, 11))
    ids = [uuid4() for _ in range(3)]
    cases: list[tuple[Category, tuple[str | int, ...], bytes, str | float | None]] = [
        (Category.USER_ACTIVITY, ("login",), b'{"method":"token"}', str(person)),
        (Category.ENDPOINT_USAGE, ("GET", "/é/<int:id>", 404), b"{}", 12.625),
        (Category.FEATURE_USAGE, ("test_run", "viewed"), b'{"n":[1.5,true]}', None),
    ]
    verdicts = Verdict(received=3)
    for id_, (category, columns, metadata, own) in zip(ids, cases, strict=True):
        made = packed.row(
            category,
            *columns,
            when=when,
            person=person,
            id_=id_,
            organization=organization,
            deployment="self_hosted",
            metadata=metadata,
            own=own,
            version="1.4.2",
        )
        verdicts.rows[category].append(made)

    writer.write(verdicts)

    everywhere = (when, person, organization, "self_hosted")
    names = ("id", "timestamp", "user_id", "organization_id", "deployment_type", "metadata")
    assert list(UserActivity.objects.values_list(*names, "event_type", "session_id")) == [
        (ids[0], *everywhere, {"method": "token"}, "login", str(person))
    ]
    of_request = ("endpoint", "method", "status_code", "duration_ms", "service_version")
    assert list(EndpointUsage.objects.values_list(*names, *of_request)) == [
        (ids[1], *everywhere, {}, "/é/<int:id>", "GET", 404, 12.625, "1.4.2")
    ]
    assert list(FeatureUsage.objects.values_list(*names, "feature_name", "action")) == [
        (ids[2], *everywhere, {"n": [1.5, True]}, "test_run", "viewed")
    ]


def test_what_may_be_nothing_is_null(writer: Writer) -> None:
    verdicts = of(feature(1))
    verdicts.rows[Category.USER_ACTIVITY].append(
        packed.row(Category.USER_ACTIVITY, "login", when=NOW, id_=uuid4(), person=SOMEBODY)
    )

    writer.write(verdicts)

    assert UserActivity.objects.get().session_id is None
    assert UserActivity.objects.get().organization_id is None


def test_who_asked_for_deletion_and_came_back_is_written_as_quickly_as_anybody(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Tombstone.objects.create(user_id=SOMEBODY, until=NOW - timedelta(hours=1))
    monkeypatch.setattr(Writer, "_step_by_step", None)

    assert writer.write(of(feature(1), feature(2, person=uuid4()))) == {STORED: 2, DUPLICATE: 0}


def test_the_same_batch_again_is_all_duplicates(writer: Writer) -> None:
    rows = [feature(number) for number in range(10)]

    assert writer.write(of(*rows)) == {STORED: 10, DUPLICATE: 0}
    assert writer.write(of(*rows)) == {STORED: 0, DUPLICATE: 10}

    assert rows_stored() == 10
    assert tally() == {("stored", ""): 10, ("duplicate", ""): 10}


def test_of_a_batch_that_overlaps_only_what_is_new_is_stored(writer: Writer) -> None:
    writer.write(of(*map(feature, range(10))))

    assert writer.write(of(*map(feature, range(5, 15)))) == {STORED: 5, DUPLICATE: 5}

    assert rows_stored() == 15


def test_a_span_twice_in_one_batch_is_stored_once(writer: Writer) -> None:
    assert writer.write(of(feature(1), feature(2), feature(1))) == {STORED: 2, DUPLICATE: 1}

    assert rows_stored() == 2


def test_a_duplicate_in_one_table_costs_the_other_tables_nothing(writer: Writer) -> None:
    writer.write(of(feature(1)))
    verdicts = of(feature(1), feature(2))
    verdicts.rows[Category.ENDPOINT_USAGE].append(
        packed.row(Category.ENDPOINT_USAGE, "GET", "/", 200, when=NOW, id_=uuid4(), person=SOMEBODY, own=1.0)
    )

    assert writer.write(verdicts) == {STORED: 2, DUPLICATE: 1}


def test_duplicates_of_several_writers_at_once_are_stored_once_and_nobody_waits_in_a_circle(writer: Writer) -> None:
    rows = [feature(number, when=NOW - timedelta(seconds=number)) for number in range(200)]
    batches = [rows[:120], rows[80:], rows[::-1][:150], rows[40:160], rows[::2], rows[1::2], rows[::-1]] * 2

    def write(slot: int) -> None:
        with Writer(conninfo(), slot) as own:
            together.wait()
            for turn in range(len(batches)):
                own.write(of(*batches[(slot + turn) % len(batches)]))

    together = threading.Barrier(4)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))

    assert rows_stored() == len(rows)
    counted = tally()
    stored, duplicate = counted["stored", ""], counted["duplicate", ""]
    assert stored == len(rows)
    assert stored + duplicate == 4 * sum(map(len, batches))


def test_rejections_are_counted_by_reason_even_where_nothing_is_stored(writer: Writer) -> None:
    writer.write(of(rejected={Reason.BAD_USER: 3, Reason.TOO_OLD: 1}))
    writer.write(of(rejected={Reason.BAD_USER: 2}))

    assert tally() == {("rejected", "bad_user"): 5, ("rejected", "too_old"): 1}


@contextmanager
def tally_fails(with_: str, times: int) -> Iterator[Callable[[], int]]:
    """The first `times` transactions fail with this error where they count. Yields how many have come so far."""

    def execute(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    def come() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM no_tally_times")
            (number,) = cursor.fetchone() or (0,)
            return int(number)

    execute("CREATE SEQUENCE no_tally_times")  # what fails does not take its numbers back
    execute(
        "CREATE FUNCTION no_tally() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF nextval('no_tally_times') <= {times} THEN RAISE EXCEPTION 'not today' USING ERRCODE = '{with_}';"
        " END IF; RETURN NULL; END $$"
    )
    execute(
        "CREATE TRIGGER no_tally BEFORE INSERT ON analytics_ingest_tally FOR EACH STATEMENT EXECUTE FUNCTION no_tally()"
    )
    try:
        yield come
    finally:
        execute("DROP FUNCTION no_tally CASCADE")
        execute("DROP SEQUENCE no_tally_times")


def test_the_tally_is_of_the_same_transaction_as_the_rows(writer: Writer) -> None:
    with tally_fails("disk_full", times=9), pytest.raises(psycopg.OperationalError):
        writer.write(of(feature(1)))

    assert (rows_stored(), TouchedDay.objects.count(), tally()) == (0, 0, {})
    assert writer.write(of(feature(1))) == {STORED: 1, DUPLICATE: 0}


@pytest.mark.parametrize("error", ["serialization_failure", "deadlock_detected"])
def test_what_the_database_asks_to_try_again_is_tried_again(writer: Writer, error: str) -> None:
    """A cluster answers so whatever the isolation level is."""
    with tally_fails(error, times=3) as come:
        assert writer.write(of(feature(1))) == {STORED: 1, DUPLICATE: 0}
        assert come() == 4

    assert (rows_stored(), tally()) == (1, {STORED[:2]: 1})


def test_what_fails_again_and_again_is_given_up_and_nothing_of_it_is_stored(writer: Writer) -> None:
    with tally_fails("serialization_failure", times=4) as come:
        with pytest.raises(psycopg.OperationalError, match="failed again and again"):
            writer.write(of(feature(1)))
        assert come() == 4

    assert (rows_stored(), tally()) == (0, {})


def test_a_statement_that_was_cancelled_is_not_tried_again(writer: Writer) -> None:
    """It took too long, and would again; the sender comes again later."""
    with tally_fails("query_canceled", times=1) as come:
        with pytest.raises(psycopg.errors.QueryCanceled):
            writer.write(of(feature(1)))
        assert come() == 1

    assert rows_stored() == 0


def test_writers_count_in_slots_of_their_own(writer: Writer) -> None:
    writer.write(of(feature(1)))
    with Writer(conninfo(), slot=7) as other:
        other.write(of(feature(2)))

    assert sorted(IngestTally.objects.values_list("slot", "spans")) == [(0, 1), (7, 1)]


def test_each_day_of_the_rows_is_marked_for_the_rollups(writer: Writer) -> None:
    days = [NOW, NOW - timedelta(days=1), NOW - timedelta(days=40)]

    writer.write(of(*(feature(number, when=days[number % 3]) for number in range(9))))

    assert sorted(TouchedDay.objects.values_list("day", flat=True)) == sorted(day.date() for day in days)


def test_rows_in_no_order_of_time_mark_all_their_days(writer: Writer) -> None:
    days = [NOW, NOW - timedelta(days=1), NOW]

    writer.write(of(*(feature(number, when=when) for number, when in enumerate(days))))

    assert set(TouchedDay.objects.values_list("day", flat=True)) == {day.date() for day in days}


def test_a_day_is_from_midnight_to_midnight_to_the_microsecond(writer: Writer) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    last = midnight + timedelta(days=1) - timedelta(microseconds=1)

    writer.write(of(feature(1, when=midnight), feature(2, when=last)))
    assert list(TouchedDay.objects.values_list("day", flat=True)) == [midnight.date()]

    writer.write(of(feature(3, when=last), feature(4, when=midnight + timedelta(days=1))))
    days = TouchedDay.objects.order_by("day").values_list("day", flat=True).distinct()
    assert list(days) == [midnight.date(), midnight.date() + timedelta(days=1)]


def test_a_batch_of_duplicates_still_marks_its_days(writer: Writer) -> None:
    """The first of them may have been counted by a rollup or not; once more does no harm, once too few does."""
    writer.write(of(feature(1)))
    TouchedDay.objects.all().delete()

    writer.write(of(feature(1)))

    assert TouchedDay.objects.count() == 1


def test_a_month_that_nobody_has_made_is_made(writer: Writer, elsewhere: psycopg.Connection) -> None:
    when = months_before(NOW, 9)
    suffix = first_of_month(when).strftime("y%Ym%m")
    elsewhere.execute(f"DROP TABLE IF EXISTS analytics_feature_usage_{suffix}")  # type: ignore[arg-type]

    assert writer.write(of(feature(1, when=when))) == {STORED: 1, DUPLICATE: 0}


def test_a_month_that_was_dropped_since_it_was_last_seen_is_made_again(
    writer: Writer, elsewhere: psycopg.Connection
) -> None:
    when = months_before(NOW, 9)
    writer.write(of(feature(1, when=when)))
    elsewhere.execute(f"DROP TABLE analytics_feature_usage_{first_of_month(when):y%Ym%m}")  # type: ignore[arg-type]

    assert writer.write(of(feature(2, when=when))) == {STORED: 1, DUPLICATE: 0}


def test_a_connection_that_died_is_replaced_and_nobody_notices(writer: Writer, elsewhere: psycopg.Connection) -> None:
    writer.write(of(feature(1)))
    first = backend(writer)
    elsewhere.execute("SELECT pg_terminate_backend(%s, 5000)", [first])

    assert writer.write(of(feature(2))) == {STORED: 1, DUPLICATE: 0}
    assert backend(writer) != first


def test_a_database_that_is_away_is_an_error_and_the_next_request_tries_again(transactional_db: None) -> None:
    with Writer("host=/nonexistent dbname=none", slot=0) as writing:
        with pytest.raises(psycopg.OperationalError):
            writing.write(of(feature(1)))
        writing._conninfo = conninfo()
        assert writing.write(of(feature(1))) == {STORED: 1, DUPLICATE: 0}


def test_a_statement_that_takes_too_long_is_given_up_at_once(
    writer: Writer, elsewhere: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = write.BEGIN
    assert limits.count(b"_timeout = 10000;") == 2
    monkeypatch.setattr(write, "BEGIN", limits.replace(b"_timeout = 10000;", b"_timeout = 200;"))
    with elsewhere.transaction():
        elsewhere.execute("LOCK TABLE analytics_feature_usage")
        with pytest.raises(psycopg.errors.QueryCanceled):
            writer.write(of(feature(1)))

    assert rows_stored() == 0
    assert writer.write(of(feature(1))) == {STORED: 1, DUPLICATE: 0}


def test_whoever_waits_for_a_database_that_does_not_answer_can_be_let_go(
    writer: Writer, elsewhere: psycopg.Connection
) -> None:
    writer.write(of(feature(1)))
    with elsewhere.transaction(), ThreadPoolExecutor(1) as thread:
        elsewhere.execute("LOCK TABLE analytics_feature_usage")
        writing = thread.submit(writer.write, of(feature(2)))
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND pid = %s"
        wait_until("the writer waits", lambda: elsewhere.execute(waiting, [backend(writer)]).fetchone())
        writer.hang_up()
        with pytest.raises(psycopg.OperationalError) as raised:
            writing.result(30)
    assert not isinstance(raised.value, psycopg.errors.QueryCanceled), "that is the statement's own limit"


def test_who_was_let_go_writes_no_more(writer: Writer) -> None:
    writer.write(of(feature(1)))
    writer.hang_up()
    with pytest.raises(psycopg.OperationalError, match="the processor is ending"):
        writer.write(of(feature(2)))

    assert rows_stored() == 1


def test_what_is_older_than_the_persons_request_to_delete_is_rejected(writer: Writer) -> None:
    Tombstone.objects.create(user_id=SOMEBODY, until=NOW - timedelta(hours=1))

    counts = writer.write(
        of(
            feature(1, when=NOW - timedelta(hours=2)),
            feature(2, when=NOW - timedelta(hours=1)),
            feature(3, when=NOW),
            feature(4, when=NOW - timedelta(hours=2), person=uuid4()),
        )
    )

    assert counts == {STORED: 2, DUPLICATE: 0, ERASED: 2}
    assert {row.pk.int for row in FeatureUsage.objects.all()} == {3, 4}


def test_where_all_of_a_batch_was_erased_it_is_counted_and_marks_no_day(writer: Writer) -> None:
    Tombstone.objects.create(user_id=SOMEBODY, until=NOW)

    assert writer.write(of(feature(1)))[ERASED] == 1

    assert TouchedDay.objects.count() == 0
    assert tally() == {("rejected", "erased"): 1}


@pytest.mark.parametrize("size", [0, 1, 513, 5000])
def test_received_is_stored_and_duplicate_and_rejected_for_batches_of_any_size(writer: Writer, size: int) -> None:
    writer.write(of(*map(feature, range(0, size, 3))))

    verdicts = of(*map(feature, range(size)), rejected={Reason.BAD_HTTP: 2})
    counts = writer.write(verdicts)

    assert counts.total() == verdicts.received
    assert rows_stored() == size
