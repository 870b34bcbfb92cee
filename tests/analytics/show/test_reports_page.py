"""The reports page and its downloads: numbers worked out by hand, who may see them, and what a bad address gets."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.analytics.show.rows import day, login, requested, used
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db
PAGE = "/admin/analytics/reports/"
REPORTS = ("active_people", "feature_adoption", "endpoint_performance", "retention")


@pytest.fixture
def analyst() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


@pytest.fixture(autouse=True)
def _months() -> None:
    from analytics.keep.partitions import make_months_ahead
    from analytics.retention import months_before

    for ago in (4, 8):
        make_months_ahead(months_before(datetime.now(UTC), ago))


def table(client: Client, name: str, **query: str) -> list[dict[str, Any]]:
    answer = client.get(f"{PAGE}{name}.json", query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


def range_of(first: int, last: int) -> dict[str, str]:
    return {"from": str(day(first).date()), "to": str(day(last).date())}


def test_active_people_by_day(analyst: Client) -> None:
    login(1, day(2))
    login(1, day(2, 23))
    login(2, day(2), "self_hosted")
    login(1, day(2), "self_hosted")  # one person on both is one active person
    login(3, day(0, 0))
    login(3, day(0), event_type="logout")
    rows = table(analyst, "active_people", **range_of(3, 0))
    assert [tuple(row.values())[1:] for row in rows] == [(0, 0, 0), (1, 2, 2), (0, 0, 0), (1, 0, 1)]
    only = table(analyst, "active_people", **range_of(2, 2), deployment="self_hosted")
    assert [tuple(row.values())[1:] for row in only] == [(0, 2, 2)]


def test_features(analyst: Client) -> None:
    used(1, "test_run", day(1))
    used(2, "test_run", day(1))
    used(2, "test_run", day(1), action="run")
    used(2, "metric", day(1))
    used(9, "metric", day(9))
    assert table(analyst, "feature_adoption", **range_of(3, 0)) == [
        {"feature_name": "test_run", "unique_users": 2, "total_uses": 3},
        {"feature_name": "metric", "unique_users": 1, "total_uses": 1},
    ]


def test_endpoints(analyst: Client) -> None:
    for ms in (10.0, 20.0, 30.0, 40.0, 100.0):
        requested(1, "/api/a/", ms, day(1), status=500 if ms == 100.0 else 200)
    (row,) = table(analyst, "endpoint_performance", **range_of(3, 0))
    assert row == {
        "endpoint": "/api/a/",
        "method": "GET",
        "requests": 5,
        "avg_ms": 40.0,
        "p50_ms": 30.0,
        "p95_ms": pytest.approx(88.0),
        "p99_ms": pytest.approx(97.6),
        "errors": 1,
        "error_percent": 20.0,
    }


def test_retention_counts_no_return_on_the_same_day_and_judges_no_young_cohort(analyst: Client) -> None:
    login(1, day(20, 1))
    login(1, day(20, 23))  # the same day: no return
    login(2, day(20))
    login(2, day(13))  # the seventh day: a return
    login(3, day(20))
    login(3, day(12))  # the eighth: too late
    login(4, day(5))
    login(4, day(4))  # came back, but its seven days are not over
    rows = table(analyst, "retention", **range_of(29, 0))
    assert [tuple(row.values())[1:] for row in rows] == [(3, 1, pytest.approx(100 / 3)), (1, None, None)]


def test_an_empty_table_is_a_page_and_not_a_division_by_zero(analyst: Client) -> None:
    page = analyst.get(PAGE)
    assert page.status_code == 200 and "<svg" not in page.text.partition('id="retention"')[2]
    for name in REPORTS:
        assert isinstance(table(analyst, name), list)


def test_every_chart_has_a_title_a_description_and_the_table_beneath(analyst: Client) -> None:
    login(1, day(20))
    used(1, "test_run", day(1))
    requested(1, "/api/a/", 10.0, day(1))
    page = analyst.get(PAGE).text
    assert page.count('<svg class="chart"') == page.count("<desc") == page.count("<title id") == 4
    assert page.count("<table") >= 4 and "style=" not in page.partition('id="content"')[2]


def test_csv_is_the_same_table_and_runs_nothing_in_a_spreadsheet(analyst: Client) -> None:
    requested(1, "=cmd|' /C calc'!A0", 10.0, day(1))
    answer = analyst.get(f"{PAGE}endpoint_performance.csv", range_of(3, 0))
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="endpoint_performance_')
    header, row = csv.reader(io.StringIO(answer.text))
    assert header[:3] == ["endpoint", "method", "requests"] and row[0] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"from": "2026-13-01"},
        {"to": "2026-02-30"},
        {"from": "2026-06-02", "to": "2026-06-01"},
        {"from": "1999-01-01"},
        {"from": "2020-01-01", "to": "2026-01-01"},
        {"to": "2999-01-01"},
        {"to": "0000-00-00"},
        {"from": "2026-01-01\0"},
        {"deployment": "clown"},
        {"unknown": "filter"},
    ],
)
def test_a_bad_address_gets_a_reason_and_never_a_500(analyst: Client, query: dict[str, str]) -> None:
    page = analyst.get(PAGE, query)
    assert page.status_code == 400 and 'class="errornote"' in page.text
    for extension in ("csv", "json"):
        answer = analyst.get(f"{PAGE}active_people.{extension}", query)
        assert answer.status_code == 400 and answer.text.strip()


def test_one_day_and_two_years_are_pages_too(analyst: Client) -> None:
    login(1, day(0))
    today = datetime.now(UTC).date()
    for first in (today, today - timedelta(days=730)):
        page = analyst.get(PAGE, {"from": str(first), "to": str(today)})
        assert page.status_code == 200 and "<svg" in page.text


def test_an_unknown_report_is_404(analyst: Client) -> None:
    assert analyst.get(f"{PAGE}nonsense.csv").status_code == 404
    assert analyst.get(f"{PAGE}active_people.exe").status_code == 404


def test_only_staff_who_may_see_the_rows_may_see_what_they_add_up_to() -> None:
    paths = [PAGE, f"{PAGE}retention.csv", f"{PAGE}retention.json"]
    person, staff, analyst = a_person(), a_person(is_staff=True), a_person(is_staff=True)
    analyst.user_permissions.set(
        Permission.objects.filter(codename__in=["view_useractivity", "view_endpointusage", "view_featureusage"])
    )
    half = a_person(is_staff=True)
    half.user_permissions.set(Permission.objects.filter(codename="view_useractivity"))
    for path in paths:
        assert Client().get(path).status_code == 302
        assert signed_in(person).get(path).status_code == 302
        assert signed_in(staff).get(path).status_code == 403
        assert signed_in(half).get(path).status_code == 403
        assert signed_in(analyst).get(path).status_code == 200


def test_json_is_what_the_table_says(analyst: Client) -> None:
    login(1, day(0))
    answer = json.loads(analyst.get(f"{PAGE}active_people.json", range_of(0, 0)).text)
    assert answer == {
        "report": "active_people",
        "from": str(day(0).date()),
        "to": str(day(0).date()),
        "rows": [{"day": str(day(0).date()), "cloud": 1, "self_hosted": 0, "active_people": 1}],
    }
