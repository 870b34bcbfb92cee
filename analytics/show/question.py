"""The range and filter of a report, as they stand in its address."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.http import QueryDict

from analytics.exceptions import AnalyticsError
from privacy.switches import DeploymentType

LONGEST_DAYS = 800
DEFAULT_DAYS = 30
EARLIEST = date(2000, 1, 1)


class UnusablePeriod(AnalyticsError):
    """The range or filter in the address cannot be used; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day through the last, both UTC days and both included."""

    first: date
    last: date
    deployment: DeploymentType | None = None

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """Exclusive."""
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """The period of the same length just before this one."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1), self.deployment)


def period_of(query: QueryDict, today: date) -> Period:
    """Read `from`, `to` (such as 2026-05-03) and `deployment`; the last 30 days of everything if they are not given.

    Raises UnusablePeriod, also for a filter there is none of: ignored, it would show numbers that were not asked for.
    """
    if unknown := set(query) - {"from", "to", "deployment"}:
        raise UnusablePeriod(f"There is no such filter{'s' if len(unknown) > 1 else ''}; use from, to and deployment.")
    last = _day(query, "to", today)
    first = _day(query, "from", last - timedelta(days=DEFAULT_DAYS - 1))
    if first > last:
        raise UnusablePeriod(f"The range ends ({last}) before it begins ({first}).")
    if (last - first).days >= LONGEST_DAYS:
        raise UnusablePeriod(f"The range is longer than {LONGEST_DAYS} days.")
    if last > today + timedelta(days=1):
        raise UnusablePeriod(f"The range ends in the future ({last}).")
    word = query.get("deployment", "")
    if word not in {"", *DeploymentType}:
        raise UnusablePeriod("The deployment must be cloud, self_hosted or nothing.")
    return Period(first, last, DeploymentType(word) if word else None)


def _day(query: QueryDict, name: str, default: date) -> date:
    word = query.get(name, "").strip()
    if not word:
        return default
    try:
        day = date.fromisoformat(word)
    except ValueError:
        raise UnusablePeriod(f"`{name}` must be a day such as 2026-05-03.") from None
    if day < EARLIEST:
        raise UnusablePeriod(f"`{name}` must be {EARLIEST} or later.")
    return day
