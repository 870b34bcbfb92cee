"""Dropping raw rows past their time: whole months by dropping partitions, the rest of the cut-off month by deleting."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections
from django.utils import timezone

from analytics.exceptions import AnalyticsError
from analytics.keep.partitions import Partition, drop, partitions, statement
from analytics.retention import months_before
from analytics.router import analytics_database

DELETE_AT_ONCE = timedelta(hours=6)


class AlreadyPurging(AnalyticsError):
    """Another purge is running."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes: `whole` months are dropped, of `partly` what is older than `cutoff` is deleted."""

    cutoff: datetime
    whole: tuple[Partition, ...]
    partly: tuple[tuple[Partition, int], ...]

    @property
    def is_empty(self) -> bool:
        return not self.whole and not self.partly


def plan_purge(months: int, now: datetime | None = None) -> Plan:
    """Rows older than `months` calendar months before now are past their time."""
    cutoff = months_before(now or timezone.now(), months)
    found = partitions()
    partly = []
    with connections[analytics_database()].cursor() as cursor:
        for partition in found:
            if partition.start < cutoff < partition.end:
                cursor.execute(statement('SELECT count(*) FROM {} WHERE "timestamp" < %s', partition.name), [cutoff])
                row = cursor.fetchone()
                if row and row[0]:
                    partly.append((partition, row[0]))
    return Plan(cutoff, tuple(partition for partition in found if partition.end <= cutoff), tuple(partly))


@contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Raises AlreadyPurging if another process is at it."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('analytics_purge'))")
        row = cursor.fetchone()
        if not row or not row[0]:
            raise AlreadyPurging("another purge is running")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('analytics_purge'))")


def purge(plan: Plan, *, say: Callable[[str], None]) -> None:
    """Carry the plan out, oldest first; what was done stays done if it is interrupted, and the next run goes on."""
    for partition in plan.whole:
        drop(partition, warn=say)
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
