"""Compares all that is shown of telemetry (reports, downloads, pages, views) with what the oracle says it should be."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics.show.bi_views import SCHEMA
from analytics.show.formatting import formatted
from analytics.show.pages import PAGE_OF, PAGES, REPORTS
from analytics.show.question import Question
from analytics.show.report import noise_bound
from tests.analytics.keep.rows import PERCENTILES_AGREE_WITHIN, execute
from tests.analytics.show.oracle import Oracle
from tests.analytics.show.page import figures_of, tables_of

PAGE = "/admin/analytics/reports/"
PERCENTILES = {"p50_ms", "p95_ms", "p99_ms", "p50_s", "p95_s"}
AS_A_PERSON_WRITES_IT = re.compile(r"-?\d+(\.\d{1,4})?")
# Those whose rows are about people or spans; the calendar and the freshness are not.
COUNTING_VIEWS = (
    "active_people",
    "sign_ins",
    "weekly_people",
    "monthly_people",
    "feature_adoption",
    "endpoint_performance",
    "retention",
    "weekly_retention",
    "sessions",
    "consent",
    "received",
    "rejected",
)


def agree(column: str, shown: Any, expected: Any, *, decimals: int | None = None) -> bool:
    """Whether a number is what it should be: percentiles within 2 percent, averages but for rounding."""
    if shown is None or expected is None or isinstance(expected, str):
        return bool(shown == expected)
    if isinstance(expected, date | datetime):
        return str(shown) == str(expected)
    if isinstance(expected, int):
        return bool(shown == expected)
    rounding = 0.0 if decimals is None else 0.6 * 10**-decimals
    if column in PERCENTILES:
        return bool(float(shown) == pytest.approx(expected, rel=PERCENTILES_AGREE_WITHIN, abs=rounding + 1e-6))
    # Durations are kept in whole nanoseconds and microseconds.
    return bool(float(shown) == pytest.approx(expected, rel=1e-9, abs=rounding + 1e-6))


def differing(
    what: str, columns: Sequence[str], shown: Iterable[Sequence[Any]], expected: Iterable[Sequence[Any]], **how: Any
) -> list[str]:
    shown, expected = [*shown], [*expected]
    if len(shown) != len(expected):
        return [f"{what}: {len(shown)} rows {shown}, not {len(expected)} {expected}"]
    return [
        f"{what}: {column} is {value!r} where it should be {wanted!r}, in {row}"
        for row, wanted_row in zip(shown, expected, strict=True)
        for column, value, wanted in zip(columns, row, wanted_row, strict=True)
        if not agree(column, value, wanted, **how)
    ]


def wrong_reports(oracle: Oracle, question: Question, names: Sequence[str] = tuple(REPORTS)) -> list[str]:
    """Every report, or those of these names, as it is before anything is made of it."""
    now = timezone.now()
    return [
        difference
        for name, report in REPORTS.items()
        if name in names
        for difference in differing(
            f"report {name} {question}",
            [column.name for column in report.columns],
            report.rows(question),
            oracle.report(name, question, now),
        )
    ]


def wrong_downloads(client: Client, oracle: Oracle, question: Question, filters: Mapping[str, Any]) -> list[str]:
    """Every report the filters are for, as JSON and as CSV."""
    now, found = timezone.now(), []
    asked = {"from": str(question.first), "to": str(question.last), **filters}
    for name, report in REPORTS.items():
        if not set(filters) <= PAGE_OF[name].filters:
            continue
        columns, expected = [column.name for column in report.columns], oracle.report(name, question, now)
        rows = client.get(f"{PAGE}{name}.json", asked).json()["rows"]
        found += differing(f"{name}.json", columns, [[*row.values()] for row in rows], expected, decimals=4)
        header, *lines = csv.reader(io.StringIO(client.get(f"{PAGE}{name}.csv", asked).text))
        texts = [["" if value is None else str(value) for value in row.values()] for row in rows]
        if header != columns or lines != texts:
            found.append(f"{name}.csv does not have what {name}.json has: {lines}")
        found += [
            f"{name}.csv: {cell!r} is no number that a person would write"
            for line in lines
            for column, cell in zip(report.columns, line, strict=True)
            if cell and column.kind not in {"text", "name", "day"} and not AS_A_PERSON_WRITES_IT.fullmatch(cell)
        ]
    return found


def wrong_pages(client: Client, oracle: Oracle, question: Question, filters: Mapping[str, Any]) -> list[str]:
    """Every page the filters are for: its tables, and its figures with those of the range before."""
    now, found = timezone.now(), []
    asked = {"from": str(question.first), "to": str(question.last), **filters}
    for page in PAGES.values():
        if not set(filters) <= page.filters:
            continue
        text = client.get(PAGE if page.name == "overview" else f"{PAGE}{page.name}/", asked).text
        tables = tables_of(text)
        for report in page.reports:
            rows = report.rows(question)
            columns = [column.name for column in report.columns]
            found += differing(f"page {page.name}", columns, rows, oracle.report(report.name, question, now))
            cells = [
                [formatted(column.kind, value) for column, value in zip(report.columns, row, strict=True)]
                for row in rows
            ]
            cells = cells[::-1] if report.is_by_time else cells
            if tables.get(report.title, []) != cells:
                found.append(f"page {page.name}: {tables.get(report.title)} where it should be {cells}")
        # A figure is of what the page's names leave, and of no name that is left out.
        # Days that are not over are compared with nothing.
        before = question.until(now.date() - timedelta(days=1)).before
        now_and_before = [oracle.figures(page.name, each, now) for each in (question, before)]
        expected = {
            title: tuple(formatted(*figures[title]) for figures in now_and_before) for title in now_and_before[0]
        }
        shown = figures_of(text)
        found += _wrong_percentile(shown.pop("p95 response", ()), expected.pop("p95 response", ()))
        if not set(filters) & {"name", "method"} and shown != expected:
            found.append(f"page {page.name}: {shown} where it should be {expected}")
    return found


def _wrong_percentile(shown: Sequence[str], expected: Sequence[str]) -> list[str]:
    pairs = [
        [text.removesuffix("\xa0ms").replace(",", "") for text in pair] for pair in zip(shown, expected, strict=True)
    ]
    return [
        f"the p95 is {text}, not {wanted}"
        for text, wanted in pairs
        # Both are rounded.
        if text != wanted
        and ("—" in {text, wanted} or abs(float(text) - float(wanted)) > PERCENTILES_AGREE_WITHIN * float(wanted) + 0.1)
    ]


PEOPLE = {"active_people", "people_signed_in", "people", "unique_users", "returned", *(f"day_{n}" for n in range(1, 8))}
EVENTS = {"sign_ins", "total_uses", "requests", "errors", "sessions"}
KEYS = {"day", "first_day", "month", "deployment_type", "feature_name", "endpoint", "method", "notice_version"}
OF_NOISY_NUMBERS = {"error_percent", "retention_percent"}


def wrong_views(oracle: Oracle, smallest: int) -> list[str]:
    """Every view for BI, in the schema they have."""
    now, found = timezone.now(), []
    execute("UPDATE analytics_view_threshold SET smallest_group = %s", [smallest])
    for name in COUNTING_VIEWS:
        ((columns,),) = execute(
            "SELECT array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s",
            [SCHEMA, name],
        )
        rows = execute(f"SELECT * FROM {SCHEMA}.{name}")
        what, expected = f"view {name} from {smallest}", oracle.view(name, 1, now)
        if smallest == 1 or not {*columns} & (PEOPLE | EVENTS):
            rows, expected = sorted(rows, key=_what_is_exact), sorted(expected, key=_what_is_exact)
            found += differing(what, columns, rows, expected, decimals=4)
            continue
        keys = [n for n, column in enumerate(columns) if column in KEYS]
        shown, exact, may_be_shown, must_be_shown = (
            {tuple(row[n] for n in keys): row for row in group}
            for group in (
                rows,
                expected,
                oracle.view(name, smallest, now),
                oracle.view(name, smallest + noise_bound(smallest), now),
            )
        )
        found += [f"{what}: {key} is of too few people" for key in shown.keys() - may_be_shown.keys()]
        found += [f"{what}: {key} is missing" for key in must_be_shown.keys() - shown.keys()]
        found += [
            f"{what}: {column} is {number!r} where it is truly {true!r}, in {row}"
            for key, row in shown.items()
            for column, number, true in zip(columns, row, exact[key], strict=True)
            if not may_be(column, number, true, smallest)
        ]
    return found


def may_be(column: str, shown: Any, true: Any, smallest: int) -> bool:
    """Whether a number of a group that is large enough may be shown where it is truly another: within the noise."""
    most = noise_bound(smallest)
    if column in OF_NOISY_NUMBERS:
        return True
    if column in PEOPLE and true is not None:
        hidden = shown is None and 0 < true < smallest + most
        return hidden or (
            shown is not None and (shown == true == 0 or (true >= smallest and abs(shown - true) <= most))
        )
    if column in EVENTS:
        return 0 <= shown <= true * (1 + most)
    return agree(column, shown, true, decimals=4)


def _what_is_exact(row: Sequence[Any]) -> str:
    return repr([value for value in row if not isinstance(value, float | Decimal)])
