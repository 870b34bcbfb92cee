"""Days and filters of a report, parsed from the query of its address."""

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
    """The address is invalid; the message states what to change."""


@dataclass(frozen=True, slots=True)
class Question:
    """Range from `first` to `last`, both UTC days and inclusive, with filters; None does not filter."""

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
        """End of the range, exclusive."""
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Question":
        """The same question for the same number of days immediately before."""
        return replace(self, first=self.first - timedelta(days=self.days), last=self.first - timedelta(days=1))

    def over(self, days: int, until: date) -> "Question":
        """The same question for `days` days, ending with `until`."""
        return replace(self, first=until - timedelta(days=days - 1), last=until)

    def every_day(self, points: Iterable[tuple[str, float | None]]) -> list[tuple[str, float | None]]:
        """Points by day such as 2026-05-03, with a None value for each missing day."""
        of_day = dict(points)
        days = (str(self.first + timedelta(days=number)) for number in range(self.days))
        return [(day, of_day.get(day)) for day in days]

    def address(self, filters: Collection[str]) -> str:
        """Query string of an address, with only these filters."""
        given = {name: getattr(self, name) for name in ("deployment", "name", "method") if name in filters}
        return urlencode(
            {"from": self.first, "to": self.last, **{name: value for name, value in given.items() if value}}
        )


def asked(query: QueryDict, today: date, filters: Collection[str]) -> Question:
    """Parse `from`, `to` (such as 2026-05-03) and `filters`, of deployment, name and method.

    Without days, the range is the last 30 days. Raises Unanswerable, also for an unknown filter, because ignoring it
    would show the wrong numbers.
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
        # Of the ISO 8601 formats, accept only the one in the message.
        day = datetime.strptime(word, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise Unanswerable(f"`{name}` must be a day such as 2026-05-03.") from None
    if day < EARLIEST:
        raise Unanswerable(f"`{name}` must be {EARLIEST} or later.")
    return day
