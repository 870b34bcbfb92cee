"""Rollups: daily totals for the reports, recomputed for days whose rows were added or erased.

A transaction that adds or erases rows also inserts their days (`TouchedDay`). A rollup claims these entries while no
writer is active, and deletes them in the transaction that computes. If it is killed, either the old totals remain with
their entries, or the new totals without. Rows that arrive meanwhile add entries of their own. docs/keeping.md explains
the tables.
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

# In this order: people first, because the others count their bits, and activity after endpoints, because it adds up
# their histograms.
OF_A_DAY = {
    "people": "analytics_people_of_day",
    "features": "analytics_daily_feature",
    "endpoints": "analytics_daily_endpoint",
    "activity": "analytics_daily_activity",
    "sessions": "analytics_daily_sessions",
}
READ_BY_REPORTS = (*OF_A_DAY.values(), "analytics_cohort", "analytics_monthly_people")
DAYS_TO_RETURN = timedelta(days=7)


class NotRolledUp(AnalyticsError):
    """A purge would drop rows that no rollup has counted."""


class NotKept(AnalyticsError):
    """Days cannot be reopened because their rows were dropped."""


@dataclass(frozen=True, slots=True)
class RolledUp:
    """Result of a run: number of days, first day of recomputed cohorts (None: no cohort), number of months."""

    days: int
    cohorts_from: date | None
    months: int


class Step(NamedTuple):
    """Progress: `day` is done, the `number`-th of `total`."""

    day: date
    number: int
    total: int

    def __str__(self) -> str:
        return f"rolled up {self.day} ({self.number} of {self.total})"


def waiting_days() -> list[date]:
    """Days whose own rollups are out of date, oldest first."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("rollups/waiting_days"))
        return [day for (day,) in cursor.fetchall()]


def roll_up(*, report: Callable[[Step], None]) -> RolledUp:
    """Compute everything out of date, oldest first; commits each day and then calls `report`."""
    pass_over_closed_days()
    return roll_up_days(waiting_days(), report=report)


def roll_up_days(days: list[date], *, report: Callable[[Step], None]) -> RolledUp:
    """Recompute these days, and the cohorts and months that are out of date.

    Raises django.db.OperationalError if a writer of rows does not finish.
    """
    if days:
        take_marks(days)
    computed = 0
    for number, day in enumerate(days, start=1):
        computed += roll_up_day(day)
        report(Step(day, number, len(days)))
    cohorts_from, months = roll_up_people_of_several_days()
    if computed:
        _analyze()
    return RolledUp(computed, cohorts_from, months)


def _analyze() -> None:
    """Refresh the planner's statistics; before autovacuum does, a report took 600 times as long.

    A table that is being vacuumed is skipped, since that refreshes them too.
    """
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(f"ANALYZE (SKIP_LOCKED) {', '.join(READ_BY_REPORTS)}")


def take_marks(days: list[date]) -> None:
    """Claim the entries of these days for this run; later changes add new entries."""
    with no_writer_at_work() as cursor:
        cursor.execute(sql("rollups/take_marks"), {"days": days})


def roll_up_day(day: date) -> bool:
    """Compute a day from its rows. False if it is closed or up to date, and was therefore not changed."""
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
            # Finding a day's people is the expensive part; here only the erased ones change.
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
    """Recompute the cohorts and months of recomputed days; returns the first cohort's day and the number of months.

    The same transaction deletes the numbers of people without an open day. If interrupted, neither happens; a person
    who returns is new in both cases.
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
        # People of a month with a closed day cannot be counted again; its number does not change.
        months = [month for month in sorted({day.replace(day=1) for day in days}) if month >= first_open]
        for month in months:
            cursor.execute("DELETE FROM analytics_monthly_people WHERE month = %s", [month])
            next_month = (month + timedelta(days=31)).replace(day=1)
            cursor.execute(sql("rollups/month"), {"month": month, "next_month": next_month})
        cursor.execute(sql("rollups/forget_people"))
        return first, len(months)


def pass_over_closed_days() -> None:
    """Delete the entries of closed days, whose late rows are not counted.

    People erased from a closed day are new again, so cohorts of open days must be recomputed.
    """
    with computing() as cursor:
        cursor.execute("DELETE FROM analytics_touched_day WHERE day < analytics_first_open_day() RETURNING user_id")
        if erased := [person for (person,) in cursor.fetchall() if person]:
            _forget(cursor, erased)
            cursor.execute(
                "INSERT INTO analytics_touched_day (day, stage) VALUES (analytics_first_open_day(), 'people')"
            )


def touch_all_days() -> int:
    """Schedule every open day for recomputation, after other programs changed rows; returns the number of days."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_touched_day (day) SELECT day FROM analytics_rolled_up_day WHERE NOT closed"
        )
        return int(cursor.rowcount)


def behind(*, before: date) -> list[date]:
    """Days before `before` whose rollups are out of date, oldest first."""
    owed = TouchedDay.objects.filter(stage="people").values_list("day", flat=True)
    return sorted(day for day in {*waiting_days(), *owed} if day < before)


def close_days(*, before: date) -> None:
    """Close the days before `before`, whose raw rows are about to be purged.

    Raises NotRolledUp if one of them is out of date, since rows may have changed meanwhile. No row can arrive between
    this check and the closing.
    """
    with computing() as cursor, no_writer_at_work():
        refuse_if_behind(behind(before=before))
        cursor.execute(sql("rollups/close_days"), {"day": before})
        cursor.execute(sql("rollups/forget_people"))


def open_again(first: date) -> int:
    """Reopen the closed days from `first` on for recomputation; returns the number of days with totals.

    Raises NotKept if rows of `first` were dropped. Cohorts of these days do not change, because a person who was active
    before `first` is known only as "earlier".
    """
    kept_from = Keeping.objects.values_list("dropped_before", flat=True).first()
    # A time in the future comes from a wrong clock.
    if kept_from and first < kept_from.date() and kept_from <= database_now(analytics_database()):
        raise NotKept(f"rows older than {kept_from.date()} were dropped; choose that day or a later one")
    with computing() as cursor, no_writer_at_work():
        cursor.execute(sql("rollups/open_days"), {"day": first})
        return int(cursor.rowcount)


def refuse_if_behind(days: Sequence[date]) -> None:
    """Raise NotRolledUp if there are any days."""
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
