"""Rollups: what the reports need, computed by day, and again for days that rows were added to or erased from.

Who adds or erases rows marks their days in the same transaction (`TouchedDay`). A rollup takes the marks first, while
no writer is at work, and settles them in the transaction that computes: killed at any moment it leaves either the old
state with the marks, or the new one without; rows that come meanwhile bring marks of their own. docs/keeping.md
explains the tables.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Max

from analytics.exceptions import AnalyticsError
from analytics.keep.locks import computing, no_writer_at_work
from analytics.models import Keeping, RolledUpDay, TouchedDay
from analytics.router import analytics_database
from analytics.sql import sql
from privacy.clock import database_now

# In this order: people first, because activity counts their bits.
OF_A_DAY = {
    "people": "analytics_people_of_day",
    "activity": "analytics_daily_activity",
    "features": "analytics_daily_feature",
    "endpoints": "analytics_daily_endpoint",
    "sessions": "analytics_daily_sessions",
}
READ_BY_REPORTS = (*OF_A_DAY.values(), "analytics_cohort", "analytics_monthly_people")
DAYS_TO_RETURN = timedelta(days=7)


class NotRolledUp(AnalyticsError):
    """Raw rows would go that no rollup has counted."""


class NotKept(AnalyticsError):
    """Days cannot be opened again whose rows were dropped."""


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What a run computed: so many days, then cohorts from a day on (None: none were owed) and so many months."""

    days: int
    cohorts_from: date | None
    months: int


class Step(NamedTuple):
    """A day that is done, the `number`-th of `total`."""

    day: date
    number: int
    total: int

    def __str__(self) -> str:
        return f"rolled up {self.day} ({self.number} of {self.total})"


def waiting_days() -> list[date]:
    """The days whose own rollups are behind, oldest first."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("rollups/waiting_days"))
        return [day for (day,) in cursor.fetchall()]


def roll_up(*, say: Callable[[Step], None]) -> RolledUp:
    """Compute everything that is behind, oldest first; each day is kept once it is done, and `say` called."""
    pass_over_closed_days()
    return roll_up_days(waiting_days(), say=say)


def roll_up_days(days: list[date], *, say: Callable[[Step], None]) -> RolledUp:
    """Compute what is owed of these days, and the cohorts and months that are behind.

    Raises django.db.OperationalError if a writer of rows does not come to its end.
    """
    if days:
        take_marks(days)
    computed = 0
    for number, day in enumerate(days, start=1):
        computed += roll_up_day(day)
        say(Step(day, number, len(days)))
    cohorts_from, months = roll_up_people_of_several_days()
    if computed:
        _analyze()
    return RolledUp(computed, cohorts_from, months)


def _analyze() -> None:
    """Refresh the planner's statistics: a report read between a first rollup and autovacuum took 600 times as long.

    A table that is being vacuumed gets them from that.
    """
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(f"ANALYZE (SKIP_LOCKED) {', '.join(READ_BY_REPORTS)}")


def take_marks(days: list[date]) -> None:
    """What is owed of these days is from now on whoever computes them; what comes later is owed anew."""
    with no_writer_at_work() as cursor:
        cursor.execute(sql("rollups/take_marks"), {"days": days})


def roll_up_day(day: date) -> bool:
    """Compute a day from its rows; False if it is not owed, or closed by now, and so was left as it is."""
    start = datetime.combine(day, time(), UTC)
    parameters = {"day": day, "start": start, "end": start + timedelta(days=1)}
    with computing() as cursor:
        if day < _first_open_day(cursor):
            return False
        cursor.execute(sql("rollups/settle_day"), parameters)
        is_owed, erased, only_erased = cursor.fetchone()
        if not is_owed:
            return False
        to_compute = dict(OF_A_DAY)
        if only_erased:
            # Most of what a day takes is finding out who was there; who is no more is known.
            del to_compute["people"]
            cursor.execute(sql("rollups/clear_people"), {"day": day, "people": erased})
        for name, table in to_compute.items():
            cursor.execute(f"DELETE FROM {table} WHERE day = %s", [day])  # noqa: S608  names from above
            cursor.execute(sql(f"rollups/{name}"), parameters)
        cursor.execute(
            "INSERT INTO analytics_rolled_up_day (day, rolled_up_at) VALUES (%s, clock_timestamp()) "
            "ON CONFLICT (day) DO UPDATE SET rolled_up_at = excluded.rolled_up_at",
            [day],
        )
        if erased:
            cursor.execute(sql("rollups/note_recomputed_day"), {"people": erased})
            _forget(cursor, erased)
    return True


def roll_up_people_of_several_days() -> tuple[date | None, int]:
    """Compute the cohorts and months that recomputed days enter; the first cohort's day, and the number of months.

    The numbers of people who are in no open day any more are forgotten in the same transaction: interrupted, neither
    is done, and somebody who comes back is new whether it was or not.
    """
    with computing() as cursor:
        cursor.execute("DELETE FROM analytics_touched_day WHERE stage = 'people' RETURNING day")
        days = sorted({day for (day,) in cursor.fetchall()})
        if not days:
            return None, 0
        first_open = _first_open_day(cursor)
        first = max(days[0] - DAYS_TO_RETURN, first_open, _first_open_cohort())
        cursor.execute("DELETE FROM analytics_cohort WHERE first_day >= %s", [first])
        cursor.execute(sql("rollups/cohorts"), {"first": first})
        # The people of a month of which a day is closed cannot be counted again; its number stays as it was.
        months = [month for month in sorted({day.replace(day=1) for day in days}) if month >= first_open]
        for month in months:
            cursor.execute("DELETE FROM analytics_monthly_people WHERE month = %s", [month])
            next_month = (month + timedelta(days=31)).replace(day=1)
            cursor.execute(sql("rollups/month"), {"month": month, "next_month": next_month})
        cursor.execute(sql("rollups/forget_people"))
        return first, len(months)


def pass_over_closed_days() -> None:
    """Drop the marks of closed days: rows that came too late are not counted.

    People erased from one are new again, so that the cohorts of open days are owed.
    """
    with computing() as cursor:
        cursor.execute("DELETE FROM analytics_touched_day WHERE day < analytics_first_open_day() RETURNING user_id")
        if erased := [person for (person,) in cursor.fetchall() if person]:
            _forget(cursor, erased)
            cursor.execute(
                "INSERT INTO analytics_touched_day (day, stage) VALUES (analytics_first_open_day(), 'people')"
            )


def touch_all_days() -> int:
    """Have every open day computed again: after rows were changed by other hands. How many days."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_touched_day (day) SELECT day FROM analytics_rolled_up_day WHERE NOT closed"
        )
        return int(cursor.rowcount)


def behind(*, before: date) -> list[date]:
    """The days before a day whose rollups are not finished, oldest first."""
    owed = TouchedDay.objects.filter(stage="people").values_list("day", flat=True)
    return sorted(day for day in {*waiting_days(), *owed} if day < before)


def close_days(*, before: date) -> None:
    """Close the days before a day, whose raw rows are about to go.

    Raises NotRolledUp if one of them is behind: rows may have come, or been erased, since the caller looked. No row can
    come between the last look and the closing.
    """
    with computing() as cursor, no_writer_at_work():
        refuse_if_behind(behind(before=before))
        cursor.execute(sql("rollups/close_days"), {"day": before})
        cursor.execute(sql("rollups/forget_people"))


def open_again(first: date) -> int:
    """Open the closed days from `first` on, and have them computed again; how many days have aggregates.

    Raises NotKept if rows of `first` were dropped. Cohorts of these days stay as they are: of people who were active
    both before `first` and since, only "earlier" is known.
    """
    kept_from = Keeping.objects.values_list("dropped_before", flat=True).first()
    # A moment in the future was recorded by a clock that was wrong.
    if kept_from and first < kept_from.date() and kept_from <= database_now(analytics_database()):
        raise NotKept(f"rows from before {kept_from.date()} were dropped; their days stay closed")
    with computing() as cursor, no_writer_at_work():
        cursor.execute(sql("rollups/open_days"), {"day": first})
        return int(cursor.rowcount)


def refuse_if_behind(days: Sequence[date]) -> None:
    """Raises NotRolledUp if there are any."""
    if days:
        raise NotRolledUp(
            f"{len(days)} days from {days[0]} to {days[-1]} are not rolled up yet; "
            "nothing was dropped, run keep_telemetry first"
        )


def _forget(cursor: CursorWrapper, people: list[UUID]) -> None:
    if people:
        cursor.execute(sql("rollups/forget_earlier_days"), {"people": people})


def _first_open_cohort() -> date:
    last = RolledUpDay.objects.filter(cohort_closed=True).aggregate(day=Max("day"))["day"]
    return last + timedelta(days=1) if last else date.min


def _first_open_day(cursor: CursorWrapper) -> date:
    cursor.execute("SELECT analytics_first_open_day()")
    row = cursor.fetchone()
    day: date = row[0]
    return day
