"""Summary figures of each report page, compared with the preceding days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.show import reports
from analytics.show.formatting import formatted
from analytics.show.report import Report, Row

# Report name -> rows.
Answers = Mapping[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure. `value` is None if unknown; `page` is the page with details."""

    title: str
    kind: str
    value: float | None
    page: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """A formatted figure, the one of the preceding days, and the change between them (empty if unknown)."""

    title: str
    page: str
    value: str
    before: str
    change: str


def compared(now: Figure, before: Figure) -> Compared:
    return Compared(
        now.title, now.page, formatted(now.kind, now.value), formatted(before.kind, before.value), _change(now, before)
    )


def _change(now: Figure, before: Figure) -> str:
    if now.value is None or before.value is None:
        return ""
    difference = float(now.value) - float(before.value)
    if now.kind == "percent":
        return f"{_rounded(difference, 1):+.1f} points"
    return f"{_rounded(100 * difference / float(before.value), 0):+,.0f} %" if before.value else ""


def _rounded(number: float, decimals: int) -> float:
    """The rounded number, never negative zero."""
    return round(number, decimals) + 0.0


def of_overview(answers: Answers) -> list[Figure]:
    sums = _sums(reports.OVERVIEW, answers)
    requests, sessions = sums["requests"], sums["sessions"]
    return [
        *of_people(answers, reports.OVERVIEW),
        Figure("New people", "count", sums["new_people"], "retention"),
        Figure("7-day retention", "percent", _retention(reports.OVERVIEW, answers, "new_people"), "retention"),
        Figure("Feature uses", "count", sums["feature_uses"], "features"),
        Figure("Requests", "count", requests, "endpoints"),
        Figure("Error rate", "percent", _percent(sums["errors"], requests), "endpoints"),
        Figure("Average request", "ms", _mean(reports.OVERVIEW, answers, "avg_ms", "requests"), "endpoints"),
        Figure("Sign-ins", "count", sums["sign_ins"], "sessions"),
        Figure("Sessions", "count", sessions, "sessions"),
        Figure("Average session", "seconds", _mean(reports.OVERVIEW, answers, "avg_session_s", "sessions"), "sessions"),
        Figure("Spans received", "count", sums["received"], "intake"),
        Figure("Spans rejected", "count", sums["rejected"], "intake"),
    ]


def of_people(answers: Answers, daily: Report = reports.DAILY_PEOPLE) -> list[Figure]:
    (of_range,) = answers[reports.PEOPLE_OF_RANGE.name]
    active = daily.values(answers[daily.name], "active_people")
    return [
        Figure("Active people", "count", of_range[0], "people"),
        Figure("People who signed in", "count", of_range[1], "sessions"),
        Figure("Active a day, on average", "number", sum(active) / len(active) if active else None, "people"),
    ]


def of_features(answers: Answers) -> list[Figure]:
    uses = reports.FEATURE_ADOPTION.values(answers[reports.FEATURE_ADOPTION.name], "total_uses")
    return [Figure("Features used", "count", len(uses)), Figure("Uses", "count", sum(uses))]


def of_endpoints(answers: Answers) -> list[Figure]:
    sums = _sums(reports.ENDPOINT_PERFORMANCE, answers)
    return [
        Figure("Requests", "count", sums["requests"]),
        Figure("Errors", "count", sums["errors"]),
        Figure("Error rate", "percent", _percent(sums["errors"], sums["requests"])),
        Figure("Average request", "ms", _mean(reports.ENDPOINT_PERFORMANCE, answers, "avg_ms", "requests")),
    ]


def of_retention(answers: Answers) -> list[Figure]:
    sums = _sums(reports.RETENTION, answers)
    return [
        Figure("New people", "count", sums["people"]),
        Figure("Came back within 7 days", "count", sums["returned"]),
        Figure("7-day retention", "percent", _retention(reports.RETENTION, answers, "people")),
    ]


def of_sessions(answers: Answers) -> list[Figure]:
    return [
        Figure("Sign-ins", "count", _sums(reports.SIGN_INS, answers)["sign_ins"]),
        Figure("Sessions", "count", _sums(reports.SESSIONS, answers)["sessions"]),
        Figure("Average session", "seconds", _mean(reports.SESSIONS, answers, "avg_s", "sessions")),
    ]


def of_intake(answers: Answers) -> list[Figure]:
    return [
        Figure(column.title, "count", _sums(report, answers)[column.name])
        for report in (reports.SENT, reports.RECEIVED)
        for column in report.columns
        if column.kind == "count"
    ]


def _sums(report: Report, answers: Answers) -> dict[str, int]:
    """Sums of the report's count columns."""
    rows = answers[report.name]
    return {column.name: sum(report.values(rows, column.name)) for column in report.columns if column.kind == "count"}


def _mean(report: Report, answers: Answers, value: str, weight: str) -> float | None:
    """Mean over all rows of the column `value`, weighted by the column `weight`; None if the weights are 0."""
    pairs = _known(report, answers, value, weight)
    total = sum(count for _, count in pairs)
    return sum(average * count for average, count in pairs) / total if total else None


def _retention(report: Report, answers: Answers, people: str) -> float | None:
    """Retention over the complete cohorts, in percent."""
    pairs = _known(report, answers, "returned", people)
    return _percent(sum(returned for returned, _ in pairs), sum(count for _, count in pairs))


def _known(report: Report, answers: Answers, *names: str) -> list[tuple[Any, ...]]:
    """The named columns of all rows in which none of them is None."""
    indices = [report.index(name) for name in names]
    picked = [tuple(row[index] for index in indices) for row in answers[report.name]]
    return [values for values in picked if None not in values]


def _percent(part: float, whole: float) -> float | None:
    return 100.0 * part / whole if whole else None
