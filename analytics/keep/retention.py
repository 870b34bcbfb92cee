"""Dropping raw rows past their time: whole months by dropping partitions; the cut-off month's are hidden until it goes.

Every moment is by the database's clock, and none is trusted blindly: see `doubts`.
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

# Without somebody's yes, clocks may differ by so much, keeping may rest for so long, and so many months may go at once.
LONGEST_DOUBTLESS = timedelta(days=31)
MOST_MONTHS_AT_ONCE = 2
NEWLY_PAST = 'SELECT count(*) FROM {} WHERE "timestamp" < %s AND "timestamp" >= analytics_shown_from()'
DAYS_NOT_ROLLED_UP: LiteralString = """
SELECT DISTINCT ("timestamp" AT TIME ZONE 'UTC')::date AS day FROM {}
EXCEPT SELECT day FROM analytics_rolled_up_day
"""


class Doubtful(AnalyticsError):
    """Rows would go by a clock, or in a number, that somebody should look at first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes: `whole` months are dropped, of `partly` what is older than `cutoff` is hidden, with how many rows.

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
    """Rows older than `months` calendar months before now, by the database's clock, are past their time."""
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
    """The days past their time that are not rolled up, those in months left detached among them, oldest first."""
    days = set(rollups.behind(before=plan.open_from))
    with connections[analytics_database()].cursor() as cursor:
        for partition in plan.whole:
            if partition.state is not State.ATTACHED:
                cursor.execute(statement(DAYS_NOT_ROLLED_UP, partition.name))
                days |= {day for (day,) in cursor.fetchall()}
    return tuple(sorted(days))


def doubts(plan: Plan) -> Iterator[str]:
    """What speaks against carrying the plan out without somebody's yes."""
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
        raise Doubtful(f"{found}; nothing was purged, if that is right run it again with --yes")


def purge(plan: Plan, *, say: Callable[[str], None]) -> None:
    """Carry the plan out, oldest first; what was done stays done if it is interrupted, and the next run goes on.

    Raises NotRolledUp before anything goes. Rollups of the days concerned are closed first, which makes them final.
    Raises InUse if readers hold up a month for too long.
    """
    if plan.behind:
        # Rollups only see what is attached.
        attach_again(plan.whole, say=say)
        rollups.refuse_if_behind(plan.behind)
    attach_again(plan.detached, say=say)
    if not plan.is_empty:
        rollups.close_days(before=plan.open_from)
        _note(shown_from=plan.cutoff)
    for partition, rows in plan.partly:
        say(f"hid {rows} rows of {partition.name}, which goes when all of its month is past its time")
    deadline = elapsed.now() + PATIENCE_SECONDS
    # One left half detached stops every other from being detached.
    for partition in sorted(plan.whole, key=lambda each: each.state is not State.HALF_DETACHED):
        _note(dropped_before=partition.end)
        drop(partition, deadline=deadline)
        say(f"dropped {partition.name}")
    _note(kept_at=database_now(analytics_database()))


def _note(**moments: datetime) -> None:
    """Remember what was done, and when. What was hidden or dropped once stays so, whatever a later plan is for."""
    [(name, moment)] = moments.items()
    later = Greatest(F(name), Value(moment)) if name != "kept_at" else Value(moment)
    Keeping.objects.update_or_create(pk=1, create_defaults=moments, defaults={name: later})
