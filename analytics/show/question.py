"""What is asked of a report: the days and the filters, as they stand in its address."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.http import QueryDict

from analytics.exceptions import AnalyticsError
from analytics.vocabulary import KNOWN_METHODS, OTHER_METHOD
from privacy.switches import DeploymentType

LONGEST_DAYS = 800
DEFAULT_DAYS = 30
EARLIEST = date(2000, 1, 1)
LONGEST_NAME = 100
METHODS = (*sorted(KNOWN_METHODS), OTHER_METHOD)


class Unanswerable(AnalyticsError):
    """What the address asks cannot be answered; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Question:
    """From the first day through the last, both UTC days and both included. None filters nothing."""

    first: date
    last: date
    deployment: DeploymentType | None = None
    name: str | None = None
    method: str | None = None

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
    def before(self) -> "Question":
        """The same of as many days just before these."""
        return replace(self, first=self.first - timedelta(days=self.days), last=self.first - timedelta(days=1))

    def over(self, days: int, until: date) -> "Question":
        """The same of so many days, the last of them `until`."""
        return replace(self, first=until - timedelta(days=days - 1), last=until)

    def every_day(self, points: Iterable[tuple[str, float | None]]) -> list[tuple[str, float | None]]:
        """Points of days such as 2026-05-03, with one of None for each day that has none."""
        of_day = dict(points)
        days = (str(self.first + timedelta(days=number)) for number in range(self.days))
        return [(day, of_day.get(day)) for day in days]

    def address(self, filters: Collection[str]) -> str:
        """As the query of an address, with these filters only."""
        given = {name: getattr(self, name) for name in ("deployment", "name", "method") if name in filters}
        return urlencode(
            {"from": self.first, "to": self.last, **{name: value for name, value in given.items() if value}}
        )


def asked(query: QueryDict, today: date, filters: Collection[str]) -> Question:
    """Read `from`, `to` (such as 2026-05-03) and `filters`, of deployment, name and method. Where days are not given,
    they are the last 30.

    Raises Unanswerable, also for a filter there is none of: ignored, it would show numbers that were not asked for.
    """
    if set(query) - {"from", "to", *filters}:
        raise Unanswerable(f"Unknown filter. This page has {', '.join(['from', 'to', *sorted(filters)])}.")
    last = _day(query, "to", today)
    first = _day(query, "from", max(last - timedelta(days=DEFAULT_DAYS - 1), EARLIEST))
    if first > last:
        raise Unanswerable(f"The range ends ({last}) before it begins ({first}). Choose a later end.")
    if (last - first).days >= LONGEST_DAYS:
        raise Unanswerable(f"The range is longer than {LONGEST_DAYS} days. Choose fewer days.")
    if last > today + timedelta(days=1):
        raise Unanswerable(f"The range ends in the future ({last}). Choose an end up to {today}.")
    deployment = query.get("deployment", "")
    if deployment not in {"", *DeploymentType}:
        raise Unanswerable("The deployment must be cloud, self_hosted or empty.")
    method = query.get("method", "")
    if method not in {"", *METHODS}:
        raise Unanswerable(f"The method must be one of {', '.join(METHODS)}, or empty.")
    name = query.get("name", "").strip()
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise Unanswerable(f"The name must be at most {LONGEST_NAME} printable characters.")
    return Question(first, last, DeploymentType(deployment) if deployment else None, name or None, method or None)


def _day(query: QueryDict, name: str, default: date) -> date:
    word = query.get(name, "").strip()
    if not word:
        return default
    try:
        # Of the forms ISO 8601 knows, only the one that the message names.
        day = datetime.strptime(word, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise Unanswerable(f"`{name}` must be a day such as 2026-05-03.") from None
    if day < EARLIEST:
        raise Unanswerable(f"`{name}` must be {EARLIEST} or later.")
    return day
