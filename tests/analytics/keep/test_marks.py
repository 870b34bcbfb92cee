"""Marks of touched days: none is lost between writers and rollups, few are kept, and nobody is held up for long."""

import threading
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from analytics.ingest.verdict import Verdict
from analytics.ingest.write import BEGIN, Writer
from analytics.keep import locks
from analytics.keep.purge import plan_purge, purge
from analytics.keep.rollups import NotRolledUp, roll_up, roll_up_day, take_marks, waiting_days
from analytics.models import TouchedDay, UserActivity
from analytics.vocabulary import Category
from tests.analytics.ingest import packed
from tests.analytics.keep.conftest import Elsewhere, conninfo
from tests.analytics.keep.rows import (
    activity,
    aggregates,
    disagreements,
    erase,
    execute,
    feature,
    moment,
    person,
    request,
    rolled_up,
    silently,
)

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

DAY = date(2026, 3, 5)
NOON = moment("2026-03-05 12:00")
WAITS_ALONE = """SELECT count(*) FROM pg_locks WHERE relation = 'analytics_lock_rows'::regclass
                 AND mode = 'ShareRowExclusiveLock' AND NOT granted"""


def verdicts(who: int, when: datetime) -> Verdict:
    found = Verdict(received=1)
    found.rows[Category.USER_ACTIVITY].append(
        packed.row(Category.USER_ACTIVITY, "login", when=when, id_=uuid4(), person=person(who))
    )
    return found


def write(*moments: datetime, who: int = 1) -> None:
    with Writer(conninfo(), slot=0) as writer:
        for when in moments:
            writer.write(verdicts(who, when))


class Besides(threading.Thread):
    """Does something in a thread with connections of its own; `ended()` raises what it raised."""

    def __init__(self, what: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.what, self.error = what, None
        self.start()

    def run(self) -> None:
        try:
            self.what()
        except Exception as error:  # noqa: BLE001  raised again where it is looked for
            self.error = error
        finally:
            connections.close_all()

    def ended(self) -> None:
        self.join(60)
        assert not self.is_alive()
        if self.error:
            raise self.error


def begin_to_write(connection: psycopg.Connection, who: int) -> None:
    """A writer's transaction up to the moment before its commit."""
    connection.execute("BEGIN")
    connection.execute("LOCK TABLE analytics_lock_rows IN ROW EXCLUSIVE MODE")
    connection.execute(
        """INSERT INTO analytics_user_activity (id, user_id, event_type, "timestamp", deployment_type)
           VALUES (gen_random_uuid(), %s, 'login', %s, 'cloud')""",
        [person(who), NOON],
    )
    connection.execute("SELECT analytics_touch_days(%s::date[])", [[DAY]])


def wait_until_somebody_waits_to_be_alone(connection: psycopg.Connection, unless: Besides) -> None:
    while connection.execute(WAITS_ALONE).fetchone() == (0,):
        assert unless.is_alive(), "it did not wait"


def test_many_requests_leave_one_mark_a_day(months: None) -> None:
    write(*[NOON] * 30, *[moment("2026-03-06 12:00")] * 30)
    assert sorted(TouchedDay.objects.values_list("day", "stage")) == [(DAY, "day"), (date(2026, 3, 6), "day")]


def test_a_row_that_came_with_no_mark_of_its_own_is_counted(months: None, elsewhere: Elsewhere) -> None:
    """The writer found a mark and left none; the rollup that takes that mark must see the row, so it waits."""
    write(NOON, who=1)
    writer, watcher = elsewhere(), elsewhere()
    begin_to_write(writer, who=2)
    rollup = Besides(lambda: roll_up(report=silently))
    wait_until_somebody_waits_to_be_alone(watcher, unless=rollup)
    writer.execute("COMMIT")
    rollup.ended()
    assert execute("SELECT people FROM analytics_daily_activity WHERE deployment_type = 'all'") == [(2,)]
    assert waiting_days() == []


def test_rows_that_come_between_an_erasure_and_the_next_rollup_have_their_people_counted(months: None) -> None:
    """The erasure's mark is no sign that the day is owed as a whole, which the writer would rely on."""
    rows = [row for who in (1, 2) for row in (activity(who, NOON), feature(who, NOON), request(who, NOON))]
    rolled_up(rows)
    erase(person(1))
    write(NOON, NOON, who=3)
    write(NOON, who=4)
    roll_up(report=silently)
    people = "SELECT people, people_signed_in FROM analytics_daily_activity WHERE deployment_type = 'all'"
    assert execute(people) == [(3, 3)]
    assert execute("SELECT people FROM analytics_cohort WHERE deployment_type = 'all'") == [(3,)]
    assert disagreements(DAY, date(2026, 3, 6)) == []
    assert waiting_days() == []


def test_a_row_that_comes_after_the_marks_were_taken_brings_one(months: None) -> None:
    write(NOON, who=1)
    take_marks([DAY])
    write(NOON, who=2)
    roll_up_day(DAY)
    assert waiting_days() == [DAY]


def test_marks_that_a_dead_rollup_had_taken_are_still_owed(months: None) -> None:
    write(NOON)
    take_marks([DAY])
    assert waiting_days() == [DAY]
    roll_up(report=silently)
    assert execute("SELECT people FROM analytics_daily_activity WHERE deployment_type = 'all'") == [(1,)]


def test_rollups_beside_writers_miss_nothing(months: None) -> None:
    stop = threading.Event()

    def ingest(slot: int) -> None:
        with Writer(conninfo(), slot=slot) as writer:
            number = 0
            while not stop.is_set():
                number += 1
                writer.write(verdicts(slot * 1000 + number % 50, moment(f"2026-03-0{1 + number % 3} 10:00")))

    writers = [Besides(lambda slot=slot: ingest(slot)) for slot in range(3)]  # type: ignore[misc]
    try:
        for _ in range(15):
            roll_up(report=silently)
            assert TouchedDay.objects.count() <= 3 * 3 * 2
    finally:
        stop.set()
    for writer in writers:
        writer.ended()
    roll_up(report=silently)
    assert disagreements(date(2026, 3, 1), date(2026, 3, 5)) == []


def test_a_writer_that_does_not_end_holds_up_a_rollup_and_no_other_writer(months: None, elsewhere: Elsewhere) -> None:
    """Inserts that waited a second for a lock would fail."""
    write(NOON, who=1)
    frozen, watcher = elsewhere(), elsewhere()
    begin_to_write(frozen, who=2)
    database = execute("SELECT current_database()")[0][0]
    execute(f"ALTER DATABASE \"{database}\" SET lock_timeout = '1s'")
    try:
        rollup = Besides(lambda: roll_up(report=silently))
        for who in (3, 4, 5):
            wait_until_somebody_waits_to_be_alone(watcher, unless=rollup)
            write(NOON, who=who)
    finally:
        execute(f'ALTER DATABASE "{database}" RESET lock_timeout')
    frozen.execute("COMMIT")
    rollup.ended()
    roll_up(report=silently)
    assert disagreements(DAY, date(2026, 3, 6)) == []
    assert execute("SELECT people FROM analytics_daily_activity WHERE deployment_type = 'all'") == [(5,)]


def test_a_writer_that_never_ends_is_one_line_and_everything_stays_owed(
    months: None, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "MAXIMUM_ATTEMPTS", 1)
    write(NOON)
    begin_to_write(elsewhere(), who=2)
    with pytest.raises(CommandError, match="is blocking this command") as raised:
        call_command("keep_telemetry")
    assert raised.value.returncode == 1
    assert "\n" not in str(raised.value)
    assert waiting_days() == [DAY]


def test_a_frozen_writers_transaction_is_ended_by_the_database(months: None) -> None:
    with Writer(conninfo(), slot=0) as writer:
        writer.write(verdicts(1, NOON))
        assert writer._connection is not None
        writer._connection.execute(BEGIN)
        shown = writer._connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        writer._connection.rollback()
    assert shown == ("10s",)


def test_two_rollups_of_a_day_compute_it_once(months: None) -> None:
    write(NOON)
    take_marks([DAY])
    assert roll_up_day(DAY)
    assert not roll_up_day(DAY)


def test_a_closed_day_is_never_computed_again(months: None) -> None:
    rolled_up([activity(1, moment("2026-02-10 10:00")), activity(1, NOON)])
    purge(plan_purge(1, moment("2026-04-01 00:00")), report=silently)
    before = aggregates()
    execute("INSERT INTO analytics_touched_day (day, stage) VALUES ('2026-02-10', 'taken')")
    assert not roll_up_day(date(2026, 2, 10))
    assert aggregates() == before


def test_a_row_that_comes_between_plan_and_purge_stops_the_purge(months: None) -> None:
    rolled_up([activity(1, moment("2026-02-10 10:00"))])
    plan = plan_purge(1, moment("2026-04-01 00:00"))
    write(moment("2026-02-11 10:00"), who=2)
    with pytest.raises(NotRolledUp, match="1 days from 2026-02-11 to 2026-02-11"):
        purge(plan, report=silently)
    assert UserActivity.objects.count() == 2
    roll_up(report=silently)
    purge(plan_purge(1, moment("2026-04-01 00:00")), report=silently)
    assert UserActivity.objects.count() == 0
    signed_in = "SELECT sum(people_signed_in) FROM analytics_daily_activity WHERE deployment_type = 'all'"
    assert execute(signed_in) == [(2,)]
