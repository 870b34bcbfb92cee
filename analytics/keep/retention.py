"""Dropping raw rows past their time: whole months by dropping partitions, the rest of the cut-off month by deleting."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

from django.db import connections
from django.utils import timezone

from analytics.keep import rollups
from analytics.keep.partitions import Partition, State, attach_again, drop, partitions, statement
from analytics.retention import months_before
from analytics.router import analytics_database

DELETE_AT_ONCE = timedelta(hours=6)
DAYS_NOT_ROLLED_UP: LiteralString = """
SELECT DISTINCT ("timestamp" AT TIME ZONE 'UTC')::date AS day FROM {}
EXCEPT SELECT day FROM analytics_rolled_up_day
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes: `whole` months are dropped, of `partly` what is older than `cutoff` is deleted.

    `detached` are months inside the window that a purge which was killed has left detached. `behind` are days past
    their time that are not rolled up; while there are any, nothing goes.
    """

    cutoff: datetime
    whole: tuple[Partition, ...]
    partly: tuple[tuple[Partition, int], ...]
    detached: tuple[Partition, ...]
    behind: tuple[date, ...]

    @property
    def is_empty(self) -> bool:
        return not self.whole and not self.partly

    @property
    def open_from(self) -> date:
        """The first day all of whose rows stay."""
        day = self.cutoff.astimezone(UTC)
        return day.date() if day.time() == day.min.time() else day.date() + timedelta(days=1)


def plan_purge(months: int, now: datetime | None = None) -> Plan:
    """Rows older than `months` calendar months before now are past their time."""
    cutoff = months_before(now or timezone.now(), months)
    found = partitions()
    partly = []
    with connections[analytics_database()].cursor() as cursor:
        for partition in found:
            if partition.start < cutoff < partition.end and partition.state is State.ATTACHED:
                cursor.execute(statement('SELECT count(*) FROM {} WHERE "timestamp" < %s', partition.name), [cutoff])
                row = cursor.fetchone()
                if row and row[0]:
                    partly.append((partition, row[0]))
    whole = tuple(partition for partition in found if partition.end <= cutoff)
    inside = (partition for partition in found if partition.end > cutoff)
    detached = tuple(partition for partition in inside if partition.state is not State.ATTACHED)
    plan = Plan(cutoff, whole, tuple(partly), detached, behind=())
    return plan if plan.is_empty else replace(plan, behind=_behind(plan))


def _behind(plan: Plan) -> tuple[date, ...]:
    """The days past their time that are not rolled up, those in months left detached among them, oldest first."""
    days = set(rollups.behind(before=plan.open_from))
    with connections[analytics_database()].cursor() as cursor:
        for partition in plan.whole:
            if partition.state is not State.ATTACHED:
                cursor.execute(statement(DAYS_NOT_ROLLED_UP, partition.name))
                days |= {day for (day,) in cursor.fetchall()}
    return tuple(sorted(days))


def purge(plan: Plan, *, say: Callable[[str], None]) -> None:
    """Carry the plan out, oldest first; what was done stays done if it is interrupted, and the next run goes on.

    Raises NotRolledUp before anything goes. Rollups of the days concerned are closed first: what they say is final.
    """
    if plan.behind:
        # Rollups only see what is attached.
        attach_again(plan.whole, say=say)
        rollups.refuse_if_behind(plan.behind)
    attach_again(plan.detached, say=say)
    if plan.is_empty:
        return
    rollups.close_days(before=plan.open_from)
    # One left half detached stops every other from being detached.
    for partition in sorted(plan.whole, key=lambda each: each.state is not State.HALF_DETACHED):
        drop(partition)
        say(f"dropped {partition.name}")
    for partition, rows in plan.partly:
        deleted = _delete_before(partition, plan.cutoff)
        say(f"deleted {deleted} of {rows} planned rows from {partition.name}")


def _delete_before(partition: Partition, cutoff: datetime) -> int:
    """In short ranges of the key, so that no statement holds its locks for long; how many went."""
    deleted, start = 0, partition.start
    with connections[analytics_database()].cursor() as cursor:
        while start < cutoff:
            end = min(start + DELETE_AT_ONCE, cutoff)
            cursor.execute(
                statement('DELETE FROM {} WHERE "timestamp" >= %s AND "timestamp" < %s', partition.name), [start, end]
            )
            deleted += cursor.rowcount
            start = end
    return deleted
