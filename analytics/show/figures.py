"""Summary figures of each report page, compared with the days before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from analytics.show import reports
from analytics.show.formatting import formatted, percent_change, without_negative_zero
from analytics.show.report import Report, Row

# Report name -> rows.
Answers = Mapping[str, Sequence[Row]]


class Better(Enum):
    """Which change of a figure is an improvement."""

    MORE = 1
    LESS = 2
    NEITHER = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure. `value` is None if unknown."""

    title: str
    kind: str
    value: float | None
    better: Better = Better.MORE


@dataclass(frozen=True, slots=True)
class Compared:
    """A formatted figure, the one of the days before, and the change between them (empty if unknown).

    `verdict` is better, worse, or empty where there is no change or nothing to judge.
    """

    title: str
    value: str
    before: str
    change: str
    verdict: str = ""


def compared(shown: Figure, now: Figure, before: Figure, *, comparable: bool) -> Compared:
    """`shown` is of the whole range; `now`, of its days that are over, is compared with `before`, if there are any."""
    if not comparable:
        now, before = replace(now, value=None), replace(before, value=None)
    return Compared(
        shown.title,
        formatted(shown.kind, shown.value),
        formatted(before.kind, before.value),
        _change(now, before),
        _verdict(now, before),
    )


def _verdict(now: Figure, before: Figure) -> str:
    if now.value is None or before.value is None or now.value == before.value or now.better is Better.NEITHER:
        return ""
    return "better" if (now.value > before.value) is (now.better is Better.MORE) else "worse"


def _change(now: Figure, before: Figure) -> str:
    if now.value is None or before.value is None:
        return ""
    difference = float(now.value) - float(before.value)
    if now.kind == "percent":
        return f"{without_negative_zero(difference, 1):+.1f} points"
    return percent_change(float(now.value), float(before.value))


def of_overview(answers: Answers) -> list[Figure]:
    """One for each of `question.MEASURES`, in order."""
    sums = _sums(reports.OVERVIEW, answers)
    ((people, _),), ((p95,),) = answers[reports.PEOPLE_OF_RANGE.name], answers[reports.RESPONSE_TIME.name]
    retention = _retention(reports.OVERVIEW, answers, "new_people")
    return [
        Figure("Active people", "count", people),
        Figure("Feature uses", "count", sums["feature_uses"]),
        Figure("7-day retention", "percent", retention),
        Figure("Error rate", "percent", _percent(sums["errors"], sums["requests"]), better=Better.LESS),
        Figure("p95 response", "ms", p95, better=Better.LESS),
    ]


def of_nothing(_: Answers) -> list[Figure]:
    return []


def of_people(answers: Answers) -> list[Figure]:
    (of_range,) = answers[reports.PEOPLE_OF_RANGE.name]
    active = reports.DAILY_PEOPLE.values(answers[reports.DAILY_PEOPLE.name], "active_people")
    return [
        Figure("Active people", "count", of_range[0]),
        Figure("People who signed in", "count", of_range[1]),
        Figure("Active a day, on average", "number", sum(active) / len(active) if active else None),
    ]


def of_features(answers: Answers) -> list[Figure]:
    uses = reports.FEATURE_ADOPTION.values(answers[reports.FEATURE_ADOPTION.name], "total_uses")
    return [Figure("Features used", "count", len(uses)), Figure("Uses", "count", sum(uses))]


def of_endpoints(answers: Answers) -> list[Figure]:
    sums = _sums(reports.ENDPOINT_PERFORMANCE, answers)
    return [
        Figure("Requests", "count", sums["requests"]),
        Figure("Errors", "count", sums["errors"], better=Better.LESS),
        Figure("Error rate", "percent", _percent(sums["errors"], sums["requests"]), better=Better.LESS),
        Figure(
            "Average request",
            "ms",
            _mean(reports.ENDPOINT_PERFORMANCE, answers, "avg_ms", "requests"),
            better=Better.LESS,
        ),
    ]


def of_feature(answers: Answers) -> list[Figure]:
    people, uses = _of_one(reports.FEATURE_TOTAL, answers, "unique_users", "total_uses")
    return [
        Figure("People", "count", people),
        Figure("Uses", "count", uses),
        *(
            Figure(f"Used it again {weeks} week{'s' * (weeks > 1)} later", "percent", _kept(answers, weeks))
            for weeks in reports.WEEKS_LATER
        ),
    ]


def _kept(answers: Answers, weeks: int) -> float | None:
    """Share over all weeks of first use that are complete."""
    pairs = _known(reports.FEATURE_KEPT, answers, f"week_{weeks}", "people")
    return _percent(sum(kept for kept, _ in pairs), sum(people for _, people in pairs))


def of_endpoint(answers: Answers) -> list[Figure]:
    """Figures of one endpoint. Without a method, only requests and errors are known."""
    rows = answers[reports.ENDPOINT_TOTAL.name]
    sums = _sums(reports.ENDPOINT_TOTAL, answers)
    p50, p95, p99 = (
        _of_one(reports.ENDPOINT_TOTAL, answers, "p50_ms", "p95_ms", "p99_ms") if len(rows) == 1 else (None,) * 3
    )
    return [
        Figure("Requests", "count", sums["requests"]),
        Figure("Error rate", "percent", _percent(sums["errors"], sums["requests"]), better=Better.LESS),
        Figure("p50", "ms", p50, better=Better.LESS),
        Figure("p95", "ms", p95, better=Better.LESS),
        Figure("p99", "ms", p99, better=Better.LESS),
    ]


def _of_one(report: Report, answers: Answers, *names: str) -> tuple[Any, ...]:
    """The named columns of a report of at most one row; None without a row."""
    rows = answers[report.name]
    return tuple(rows[0][report.index(name)] if rows else None for name in names)


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


def of_consent(answers: Answers) -> list[Figure]:
    """Numbers of the last counted day of the range."""
    counted = [row for row in answers[reports.CONSENT.name] if any(value is not None for value in row[1:])]
    return [
        Figure(
            column.title,
            "count",
            counted[-1][reports.CONSENT.index(column.name)] if counted else None,
            better=Better.NEITHER,
        )
        for column in reports.CHOICES
    ]


def of_intake(answers: Answers) -> list[Figure]:
    return [
        Figure(column.title, "count", _sums(report, answers)[column.name], better=Better.NEITHER)
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
