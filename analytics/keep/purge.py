"""Purge of raw rows: whole months are dropped, and old rows of the cut-off's month are hidden until then.

All times are by the database's clock, which is checked: see `doubts`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

from django.db import connections
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from analytics.exceptions import AnalyticsError
from analytics.keep import rollups
from analytics.keep.partitions import PATIENCE_SECONDS, Partition, State, attach_again, drop, partitions, statement
from analytics.models import Keeping
from analytics.retention import months_before
from analytics.router import analytics_database
from privacy.clock import database_now
from privacy.elapsed import elapsed

# Limits without --yes: difference of clocks, time since the last run, and months dropped at once.
LONGEST_DOUBTLESS = timedelta(days=31)
MOST_MONTHS_AT_ONCE = 2
NEWLY_PAST = 'SELECT count(*) FROM {} WHERE "timestamp" < %s AND "timestamp" >= analytics_shown_from()'
DAYS_NOT_ROLLED_UP: LiteralString = """
SELECT DISTINCT ("timestamp" AT TIME ZONE 'UTC')::date AS day FROM {}
EXCEPT SELECT day FROM analytics_rolled_up_day
"""


class Doubtful(AnalyticsError):
    """The purge would use a doubtful clock, or drop unusually many months; somebody must confirm it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a purge: `whole` months to drop, and months of which rows older than `cutoff` are hidden (`partly`).

    `detached` are newer months that a killed purge left detached. `behind` are old days not rolled up yet; while there
    are any, nothing is purged.
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
        """The first day without purged rows."""
        day = self.cutoff.astimezone(UTC)
        return day.date() if day.time() == day.min.time() else day.date() + timedelta(days=1)


def plan_purge(months: int, now: datetime | None = None) -> Plan:
    """Plan to purge rows older than `months` calendar months, by the database's clock."""
    cutoff = months_before(now or database_now(analytics_database()), months)
    found = partitions()
    partly = []
    with connections[analytics_database()].cursor() as cursor:
        for partition in found:
            if partition.start < cutoff < partition.end and partition.state is State.ATTACHED:
                cursor.execute(statement(NEWLY_PAST, partition.name), [cutoff])
                row = cursor.fetchone()
                if row and row[0]:
                    partly.append((partition, row[0]))
    whole = tuple(partition for partition in found if partition.end <= cutoff)
    inside = (partition for partition in found if partition.end > cutoff)
    detached = tuple(partition for partition in inside if partition.state is not State.ATTACHED)
    plan = Plan(cutoff, whole, tuple(partly), detached, behind=())
    return plan if plan.is_empty else replace(plan, behind=_behind(plan))


def _behind(plan: Plan) -> tuple[date, ...]:
    """Old days that are not rolled up, including those in detached months, oldest first."""
    days = set(rollups.behind(before=plan.open_from))
    with connections[analytics_database()].cursor() as cursor:
        for partition in plan.whole:
            if partition.state is not State.ATTACHED:
                cursor.execute(statement(DAYS_NOT_ROLLED_UP, partition.name))
                days |= {day for (day,) in cursor.fetchall()}
    return tuple(sorted(days))


def doubts(plan: Plan) -> Iterator[str]:
    """Reasons not to carry out the plan without --yes."""
    now = database_now(analytics_database())
    if abs(ahead := timezone.now() - now) > LONGEST_DOUBTLESS:
        days, where = round(abs(ahead) / timedelta(days=1)), "ahead of" if ahead > timedelta() else "behind"
        yield f"this machine's clock is {days} days {where} the database's ({now:%Y-%m-%d %H:%M} UTC)"
    if plan.is_empty:
        return
    months = len({partition.start for partition in plan.whole})
    if months > MOST_MONTHS_AT_ONCE:
        yield f"{months} months would be dropped at once"
    kept_at = Keeping.objects.values_list("kept_at", flat=True).first()
    if kept_at and abs(now - kept_at) > LONGEST_DOUBTLESS:
        yield f"by the database's clock, {now:%Y-%m-%d %H:%M} UTC, the last run was on {kept_at:%Y-%m-%d}"


def refuse_if_doubtful(plan: Plan) -> None:
    """Raises Doubtful if there are any doubts."""
    if found := "; ".join(doubts(plan)):
        raise Doubtful(f"{found}; nothing was purged, run it again with --yes if that is right")


def purge(plan: Plan, *, report: Callable[[str], None]) -> None:
    """Carry out the plan, oldest first. After an interruption, the next run continues.

    Closes the affected days first, which makes their rollups final. Raises NotRolledUp before anything is purged, and
    InUse if readers block a month for too long.
    """
    if plan.behind:
        # Rollups see attached months only.
        attach_again(plan.whole, report=report)
        rollups.refuse_if_behind(plan.behind)
    attach_again(plan.detached, report=report)
    if not plan.is_empty:
        rollups.close_days(before=plan.open_from)
        _note(shown_from=plan.cutoff)
    for partition, rows in plan.partly:
        report(f"hid {rows} rows of {partition.name}, which is dropped once its whole month is too old")
    deadline = elapsed.now() + PATIENCE_SECONDS
    # A half detached partition blocks detaching others.
    for partition in sorted(plan.whole, key=lambda each: each.state is not State.HALF_DETACHED):
        _note(dropped_before=partition.end)
        drop(partition, deadline=deadline)
        report(f"dropped {partition.name}")
    _note(kept_at=database_now(analytics_database()))


def _note(**moments: datetime) -> None:
    """Store what was done, and when. Hidden or dropped rows stay so, whatever a later plan is."""
    [(name, moment)] = moments.items()
    later = Greatest(F(name), Value(moment)) if name != "kept_at" else Value(moment)
    Keeping.objects.update_or_create(pk=1, create_defaults=moments, defaults={name: later})
