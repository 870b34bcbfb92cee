"""Days and filters of a report, parsed from the query of its address."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.http import QueryDict

from analytics.exceptions import AnalyticsError
from analytics.show.steps import DEFAULT_WINDOW, problem_of
from analytics.vocabulary import KNOWN_METHODS, OTHER_METHOD
from privacy.switches import DeploymentType

LONGEST_DAYS = 800
DEFAULT_DAYS = 28
# Lengths of ranges over which different people are counted where small groups are protected. They are few, because the
# difference of two ranges is a number of people with noise, and the mean of many such differences one without.
COUNTED_DAYS = frozenset({1, 7, 28, 30, 90, 365})
EARLIEST = date(2000, 1, 1)
LONGEST_NAME = 512
# Tiles of the overview, of which one is drawn.
PERIODS = ("day", "week", "month")
# Longest ranges that are drawn by day and by week where nothing else is chosen.
LONGEST_BY_DAY, LONGEST_BY_WEEK = 100, 400
MEASURES = ("people", "uses", "retention", "errors", "p95")
# A report and one of its columns, with a minus for the largest first.
SORT = re.compile(r"(?:[a-z0-9_]{1,63}\.-?[a-z0-9_]{1,63})?")
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
    measure: str = MEASURES[0]
    sort: str = ""
    by: str = ""
    steps: tuple[str, ...] = ()
    within: str = DEFAULT_WINDOW

    @property
    def period(self) -> str:
        """Period of each line: the chosen one, or the one that suits the length of the range."""
        if self.by:
            return self.by
        return "day" if self.days <= LONGEST_BY_DAY else "week" if self.days <= LONGEST_BY_WEEK else "month"

    @property
    def whole(self) -> "Question":
        """The same question for whole periods, from the one of its first day to that of its last."""
        after = next_start(start_of(self.last, self.period), self.period)
        return replace(self, first=start_of(self.first, self.period), last=after - timedelta(days=1), by=self.period)

    @property
    def periods(self) -> list[date]:
        """First day of each period of the range."""
        found = [start_of(self.first, self.period)]
        while (following := next_start(found[-1], self.period)) <= self.last:
            found.append(following)
        return found

    @property
    def periods_before(self) -> "Question":
        """The same question for as many whole periods before."""
        first = self.whole.first
        return replace(
            self,
            first=next_start(first, self.period, -len(self.periods)),
            last=first - timedelta(days=1),
            by=self.period,
        )

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
    def counts_people(self) -> bool:
        """Whether the range is a whole month, or has one of the lengths over which different people are counted."""
        is_month = self.first.day == 1 and (self.last + timedelta(days=1)).day == 1 and self.days < 32
        return self.days in COUNTED_DAYS or is_month

    @property
    def before(self) -> "Question":
        """The same question for the same number of days before, on the same days of the week."""
        shift = timedelta(days=-(-self.days // 7) * 7)
        return replace(self, first=self.first - shift, last=self.last - shift)

    def until(self, last: date) -> "Question":
        """The same question without the days after `last`, but for its first day."""
        return replace(self, last=max(self.first, min(self.last, last)))

    def days_from(self, day: date) -> int:
        """Number of days of the range that are `day` or later."""
        return max((self.last - max(day, self.first)).days + 1, 0)

    def over(self, days: int, until: date) -> "Question":
        """The same question for `days` days, ending with `until`."""
        return replace(self, first=until - timedelta(days=days - 1), last=until)

    def every_period(self, points: Iterable[tuple[str, float | None]]) -> list[tuple[str, float | None]]:
        """Points by first day of a period, with a None value for each missing one."""
        of_period = dict(points)
        return [(str(first), of_period.get(str(first))) for first in self.periods]

    def every_day(self, points: Iterable[tuple[str, float | None]]) -> list[tuple[str, float | None]]:
        """Points by day such as 2026-05-03, with a None value for each missing day."""
        of_day = dict(points)
        days = (str(self.first + timedelta(days=number)) for number in range(self.days))
        return [(day, of_day.get(day)) for day in days]

    def sort_of(self, report: str) -> str:
        """The order of the report of this name, if any: a column, with a minus for the largest first."""
        name, _, sort = self.sort.partition(".")
        return sort if name == report else ""

    def address(self, filters: Collection[str]) -> str:
        """Query string of an address, with only these filters."""
        given = {name: getattr(self, name) for name in ("deployment", "name", "method") if name in filters}
        if "measure" in filters and self.measure != MEASURES[0]:
            given["measure"] = self.measure
        if "by" in filters:
            given["by"] = self.by
        if "sort" in filters:
            given["sort"] = self.sort
        if "step" in filters and self.steps:
            given |= {"step": self.steps, "within": self.within}
        return urlencode(
            {"from": self.first, "to": self.last, **{name: value for name, value in given.items() if value}},
            doseq=True,
        )


def asked(query: QueryDict, today: date, filters: Collection[str]) -> Question:
    """Parse `from`, `to` (such as 2026-05-03) and `filters`.

    Filters are deployment, name, method, measure, sort, by, step (once for each step of a funnel) and within.

    Without days, the range is the last 28 days. Raises Unanswerable, also for an unknown filter, because ignoring it
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
    measure = query.get("measure", "") or MEASURES[0]
    if measure not in MEASURES:
        raise Unanswerable(f"The measure must be one of {', '.join(MEASURES)}.")
    of_type = DeploymentType(deployment) if deployment else None
    sort = query.get("sort", "")
    if not SORT.fullmatch(sort):
        raise Unanswerable("The order must be a report and a column, such as feature_adoption.-total_uses, or empty.")
    by = query.get("by", "")
    if by not in {"", *PERIODS}:
        raise Unanswerable(f"`by` must be one of {', '.join(PERIODS)}, or empty.")
    steps = tuple(step for step in query.getlist("step") if step)
    within = query.get("within", "") or DEFAULT_WINDOW
    if problem := problem_of(steps, within):
        raise Unanswerable(problem)
    return Question(first, last, of_type, name or None, method or None, measure, sort, by, steps, within)


def start_of(day: date, period: str) -> date:
    """First day of the day's week (from Monday) or month, or the day."""
    match period:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case _:
            return day


def next_start(first: date, period: str, number: int = 1) -> date:
    """First day of the period so many later, or earlier, than the one that begins with `first`."""
    if period != "month":
        return first + timedelta(days=number * (7 if period == "week" else 1))
    months = first.year * 12 + first.month - 1 + number
    return date(months // 12, months % 12 + 1, 1)


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
