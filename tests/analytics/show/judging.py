"""Compares all that is shown of telemetry (reports, downloads, pages, views) with what the oracle says it should be."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics.show.bi_views import SCHEMA
from analytics.show.formatting import formatted
from analytics.show.pages import PAGE_OF, PAGES, REPORTS
from analytics.show.question import Question
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


def wrong_reports(oracle: Oracle, question: Question) -> list[str]:
    """Every report, as it is before anything is made of it."""
    now = timezone.now()
    return [
        difference
        for name, report in REPORTS.items()
        for difference in differing(
            f"report {name} {question}",
            [column.name for column in report.columns],
            report.rows(question),
            oracle.report(name, question, now),
        )
    ]


def wrong_downloads(client: Client, oracle: Oracle, question: Question, filters: Mapping[str, str]) -> list[str]:
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


def wrong_pages(client: Client, oracle: Oracle, question: Question, filters: Mapping[str, str]) -> list[str]:
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
            if tables.get(report.title, []) != cells:
                found.append(f"page {page.name}: {tables.get(report.title)} where it should be {cells}")
        # A figure is of what the page's names leave, and of no name that is left out.
        now_and_before = [oracle.figures(page.name, each, now) for each in (question, question.before)]
        expected = {
            title: tuple(formatted(*figures[title]) for figures in now_and_before) for title in now_and_before[0]
        }
        if not set(filters) & {"name", "method"} and figures_of(text) != expected:
            found.append(f"page {page.name}: {figures_of(text)} where it should be {expected}")
    return found


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
        expected = oracle.view(name, smallest, now)
        rows = sorted(execute(f"SELECT * FROM {SCHEMA}.{name}"), key=_what_is_exact)
        found += differing(
            f"view {name} from {smallest}", columns, rows, sorted(expected, key=_what_is_exact), decimals=4
        )
    return found


def _what_is_exact(row: Sequence[Any]) -> str:
    return repr([value for value in row if not isinstance(value, float | Decimal)])
