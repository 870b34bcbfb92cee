"""Every number of every report, of its downloads and of its page, is what plain SQL says of the raw rows."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics.show.pages import PAGE_OF, PAGES, REPORTS
from analytics.show.question import Question
from analytics.show.words import in_words
from privacy.switches import DeploymentType
from tests.analytics.keep.rows import PERCENTILES_AGREE_WITHIN, execute
from tests.analytics.show.page import figures_of, tables_of
from tests.analytics.show.plain import FIGURES, PLAIN
from tests.analytics.show.population import DAYS, populate
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
PAGE = "/admin/analytics/reports/"
PERCENTILES = {"p50_ms", "p95_ms", "p99_ms", "p50_s", "p95_s"}
# The whole of it, some weeks and months in part, a single day, days with nothing in them, and the filters.
RANGES = {
    "everything": (DAYS + 3, 0, {}),
    "some of it": (40, 9, {}),
    "one day": (20, 20, {}),
    "nothing": (DAYS + 60, DAYS + 30, {}),
    "cloud": (45, 3, {"deployment": "cloud"}),
    "self-hosted": (45, 3, {"deployment": "self_hosted"}),
    "one endpoint": (45, 3, {"name": "RUNS", "method": "GET"}),
    "one feature": (45, 3, {"name": "RUN"}),
}


@pytest.fixture
def analyst() -> Client:
    populate(seed=7)
    return signed_in(a_person(is_staff=True, is_superuser=True))


def question(range_name: str) -> tuple[Question, dict[str, str]]:
    first, last, filters = RANGES[range_name]
    today = timezone.now().date()
    deployment = DeploymentType(filters["deployment"]) if "deployment" in filters else None
    return (
        Question(
            today - timedelta(days=first),
            today - timedelta(days=last),
            deployment,
            filters.get("name"),
            filters.get("method"),
        ),
        dict(filters),
    )


def plainly(query: str, asked: Question) -> list[tuple[Any, ...]]:
    return execute(
        query,
        {
            "start": asked.start,
            "end": asked.end,
            "deployment": asked.deployment,
            "name": asked.name,
            "method": asked.method,
            "now": timezone.now(),
        },
    )


def agree(column: str, said: Any, plain: Any) -> bool:
    if said is None or plain is None or isinstance(plain, str):
        return bool(said == plain)
    if isinstance(plain, date | datetime):
        return bool(said == plain.isoformat())
    if column in PERCENTILES:
        return bool(said == pytest.approx(float(plain), rel=PERCENTILES_AGREE_WITHIN))
    if isinstance(plain, int):
        return bool(said == plain)
    # Durations are kept in whole nanoseconds and microseconds.
    return bool(said == pytest.approx(float(plain), rel=1e-9, abs=1e-6))


@pytest.mark.parametrize("name", REPORTS)
def test_each_report(analyst: Client, name: str) -> None:
    tried = 0
    for range_name in RANGES:
        asked, filters = question(range_name)
        if not set(filters) <= PAGE_OF[name].filters:
            continue
        answer = analyst.get(f"{PAGE}{name}.json", {"from": asked.first, "to": asked.last, **filters})
        assert answer.status_code == 200, answer.text
        said, plain = answer.json()["rows"], plainly(PLAIN[name], asked)
        assert len(said) == len(plain), range_name
        for said_row, plain_row in zip(said, plain, strict=True):
            for (column, value), expected in zip(said_row.items(), plain_row, strict=True):
                assert agree(column, value, expected), (range_name, column, said_row, plain_row)
        tried += bool(said)
    assert tried, "nothing was compared"


@pytest.mark.parametrize("name", PAGES)
def test_each_page_shows_the_numbers_of_its_reports(analyst: Client, name: str) -> None:
    for range_name in RANGES:
        asked, filters = question(range_name)
        if not set(filters) <= PAGES[name].filters:
            continue
        path = PAGE if name == "overview" else f"{PAGE}{name}/"
        tables = tables_of(analyst.get(path, {"from": asked.first, "to": asked.last, **filters}).text)
        for report in PAGES[name].reports:
            rows = analyst.get(f"{PAGE}{report.name}.json", {"from": asked.first, "to": asked.last, **filters}).json()
            expected = [[in_words(column.kind, row[column.name]) for column in report.columns] for row in rows["rows"]]
            assert tables.get(report.title, []) == expected


@pytest.mark.parametrize("name", PAGES)
def test_each_figure_and_the_one_before(analyst: Client, name: str) -> None:
    kinds = {"Error rate": "percent", "7-day retention": "percent", "Average request": "ms"}
    kinds |= {"Average session": "seconds", "Active a day, on average": "number"}
    for range_name in ("everything", "some of it", "one day", "nothing", "cloud", "self-hosted"):
        asked, filters = question(range_name)
        if not set(filters) <= PAGES[name].filters:
            continue
        path = PAGE if name == "overview" else f"{PAGE}{name}/"
        shown = figures_of(analyst.get(path, {"from": asked.first, "to": asked.last, **filters}).text)
        assert list(shown) and set(shown) == set(FIGURES[name])
        for title, query in FIGURES[name].items():
            now, before = (plainly(query, each)[0][0] for each in (asked, asked.before))
            kind = kinds.get(title, "count")
            assert shown[title] == (_in_words(kind, now), _in_words(kind, before)), (range_name, title)


def _in_words(kind: str, value: Any) -> str:
    return in_words(kind, int(value) if isinstance(value, Decimal) and kind == "count" else value)
