"""The pages of reports and their downloads: numbers worked out by hand, who may see them, what a bad address gets."""

import csv
import io
import json
import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import DEFAULT_DB_ALIAS, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.keep.partitions import make_months_ahead
from analytics.keep.rollups import waiting_days
from analytics.models import ConsentOfDay, IngestTally, TouchedDay
from analytics.retention import months_before
from analytics.router import analytics_database
from analytics.show import report
from analytics.show.pages import PAGES, REPORTS
from privacy.models import Access, AccessEvent
from tests.analytics.keep.rows import activity, feature, moment, request, rolled_up, store
from tests.analytics.show.page import figures_of, tables_of
from tests.analytics.show.population import DAYS, populate
from tests.analytics.show.rows import day, login, requested, used
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
PAGE = "/admin/analytics/reports/"
PATHS = [PAGE if name == "overview" else f"{PAGE}{name}/" for name in PAGES]


@pytest.fixture
def analyst() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


@pytest.fixture(autouse=True)
def _months() -> None:
    for ago in (4, 8):
        make_months_ahead(months_before(datetime.now(UTC), ago))


def table(client: Client, report_name: str, **query: str) -> list[dict[str, Any]]:
    rolled_up()
    answer = client.get(f"{PAGE}{report_name}.json", query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


def range_of(first: int, last: int) -> dict[str, str]:
    return {"from": str(day(first).date()), "to": str(day(last).date())}


def test_reports_name_the_spans_that_were_stored_on_a_services_word(analyst: Client) -> None:
    whole = "Only people who share their usage are counted, by pseudonym."
    for ago, reason, spans in ((2, "voucher", 1200), (3, "voucher", 34), (2, "route_text", 5), (9, "voucher", 7)):
        IngestTally.objects.create(
            day=day(ago).date(), slot=0, outcome="part", reason=reason, sender="shop", spans=spans
        )

    def page(first: int, last: int, name: str = "") -> str:
        return " ".join(analyst.get(f"{PAGE}{name}", range_of(first, last)).text.split())

    assert f"{whole} That they share is the word of the services alone for 1,234 spans stored on these days" in page(
        3, 1
    )
    assert whole in page(1, 1) and "the word of the services" not in page(1, 1) + page(3, 1, "intake/")


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
    assert [tuple(row.values()) for row in table(analyst, "feature_actions", **range_of(3, 0))] == [
        ("metric", "created", 1, 1),
        ("test_run", "created", 2, 2),
        ("test_run", "run", 1, 1),
    ]


def test_a_page_counts_under_its_own_route(analyst: Client) -> None:
    used(1, "page_view", day(1), action="viewed", route="/pricing/:id")
    used(1, "page_view", day(1), action="viewed", route="/pricing/:id")
    used(2, "page_view", day(1), action="viewed", route="/pricing/:id")
    used(2, "page_view", day(1), action="viewed", route="/")
    used(3, "page_view", day(1), action="viewed")
    used(3, "metric", day(1), action="viewed", route="/pricing/:id")

    assert [tuple(row.values()) for row in table(analyst, "feature_actions", **range_of(3, 0))] == [
        ("metric", "viewed", 1, 1),
        ("page_view", "/pricing/:id", 2, 3),
        ("page_view", "/", 1, 1),
        ("page_view", "viewed", 1, 1),
    ]
    (pages,) = [row for row in table(analyst, "feature_adoption", **range_of(3, 0)) if row["total_uses"] == 5]
    assert (pages["feature_name"], pages["unique_users"]) == ("page_view", 3)


def test_endpoints(analyst: Client) -> None:
    for ms in (10.0, 20.0, 30.0, 40.0, 100.0):
        requested(1, "/api/a/", ms, day(1), status=500 if ms == 100.0 else 200)
    (row,) = table(analyst, "endpoint_performance", **range_of(3, 0))
    assert row == {
        "endpoint": "/api/a/",
        "method": "GET",
        "requests": 5,
        "avg_ms": 40.0,
        "p50_ms": pytest.approx(30.0, rel=0.02),
        "p95_ms": pytest.approx(88.0, rel=0.02),
        "p99_ms": pytest.approx(97.6, rel=0.02),
        "errors": 1,
        "error_percent": 20.0,
        "unique_users": 1,
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
    assert [tuple(row.values())[1:4] for row in rows] == [(3, 1, 33.3333), (1, None, None)]
    assert [tuple(row.values())[4:] for row in rows] == [(0, 0, 0, 0, 0, 0, 1), (1, 0, 0, 0, None, None, None)]


def test_somebody_who_shares_after_signing_in_is_active_at_once(analyst: Client) -> None:
    """Their `login` was before their consent, and so is in no table."""
    used(1, "privacy_settings", day(0))
    rolled_up()
    pages = [analyst.get(f"{PAGE}{name}/", range_of(29, 0)).text for name in ("people", "retention", "sessions")]
    shown = {title: value for page in pages for title, (value, _) in figures_of(page).items()}
    assert (shown["Active people"], shown["New people"]) == ("1", "1")
    assert (shown["People who signed in"], shown["Sign-ins"]) == ("0", "0")
    for name in ("active_people", "weekly_people", "monthly_people"):
        assert table(analyst, name, **range_of(0, 0))[-1]["active_people"] == 1
    assert table(analyst, "sign_ins", **range_of(0, 0)) == [{"day": str(day(0).date()), "sign_ins": 0, "people": 0}]


def test_a_session_past_midnight_has_a_part_on_each_day_and_the_time_between_is_in_neither(analyst: Client) -> None:
    moments = ("2026-03-05 22:00:00", "2026-03-05 22:00:01", "2026-03-06 00:30")
    rolled_up(activity(1, moment(when), session="a") for when in moments)
    rows = table(analyst, "sessions", **{"from": "2026-03-05", "to": "2026-03-06"})
    assert [(row["sessions"], row["avg_s"]) for row in rows] == [(1, 1), (1, 0)]


def test_one_session_id_in_both_deployment_types_is_two_sessions(analyst: Client) -> None:
    for deployment in ("cloud", "self_hosted"):
        store(activity(1, moment(f"2026-03-05 22:0{minute}"), session="a", deployment=deployment) for minute in (0, 1))
    (row,) = table(analyst, "sessions", **{"from": "2026-03-05", "to": "2026-03-05"})
    assert (row["sessions"], row["avg_s"]) == (2, 60)


@pytest.mark.parametrize(("errors", "written"), [(0, "0"), (1, "0.3984"), (125, "49.8008"), (251, "100")])
def test_numbers_in_a_download_are_as_a_person_writes_them(analyst: Client, errors: int, written: str) -> None:
    rolled_up(
        request(1, moment("2026-03-05 12:00"), 10 / 3, status=500 if number < errors else 200) for number in range(251)
    )
    asked = {"from": "2026-03-05", "to": "2026-03-05"}
    (row,) = csv.DictReader(io.StringIO(analyst.get(f"{PAGE}endpoint_performance.csv", asked).text))
    assert (row["error_percent"], row["avg_ms"], row["requests"]) == (written, "3.3333", "251")
    assert f'"error_percent": {written},' in analyst.get(f"{PAGE}endpoint_performance.json", asked).text


def test_weeks_are_iso_weeks_and_whole_whatever_the_range_cuts(analyst: Client) -> None:
    # Sunday the 28th is the last day of 2025's last week but one; the year's last days belong to week 1 of 2026.
    moments = ("2025-12-28 23:59:59.999999", "2025-12-29 00:00", "2026-01-04 12:00", "2026-01-05 00:00")
    store(activity(1, moment(when)) for when in moments)
    rows = table(analyst, "weekly_people", **{"from": "2025-12-31", "to": "2026-01-01"})
    assert rows == [{"week": "2026-W01", "first_day": "2025-12-29", "cloud": 1, "self_hosted": 0, "active_people": 1}]
    assert [row["week"] for row in table(analyst, "weekly_people", **{"from": "2025-12-28", "to": "2026-01-05"})] == [
        "2025-W52",
        "2026-W01",
        "2026-W02",
    ]


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_table_is_a_page_that_says_so_and_no_division_by_zero(analyst: Client, path: str) -> None:
    page = analyst.get(path)
    assert page.status_code == 200 and 'class="chart' not in page.text
    asks = "Choose two to eight steps above." if path.endswith("/funnel/") else "Nothing to show for this range."
    assert asks in page.text


def test_downloads_of_an_empty_table_are_empty_too(analyst: Client) -> None:
    rolled_up()
    for name in REPORTS:
        assert analyst.get(f"{PAGE}{name}.json").status_code == analyst.get(f"{PAGE}{name}.csv").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_every_chart_has_a_title_a_description_and_the_table_beneath(analyst: Client, path: str) -> None:
    populate(seed=3)
    ConsentOfDay.objects.create(day=day(0).date(), notice_version=1, asked=9, yes=9, no=0, undecided=0)
    name = {"feature": "test_run", "endpoint": "/api/tests/"}.get(path.split("/")[-2], "")
    steps = {"step": ["user_activity.login", "feature_usage.test_run"]} if path.endswith("/funnel/") else {}
    page = analyst.get(path, range_of(DAYS, 0) | ({"name": name} if name else {}) | steps).text
    charts = re.findall(r'<svg class="chart.*?</svg>', page, re.DOTALL)
    assert charts
    for chart in charts:
        title, description = re.search(r'aria-labelledby="(\S+)" aria-describedby="(\S+)"', chart).groups()  # type: ignore[union-attr]
        assert re.search(f'<title id="{title}">[^<]+</title>', chart)
        assert re.search(f'<desc id="{description}">[^<]+</desc>', chart)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for section in re.findall(r'<section class="report".*?</section>', page, re.DOTALL):
        assert section.find("<table") > section.find("</svg>")
    assert "style=" not in page.partition('id="content"')[2]


def test_csv_is_the_same_table_and_runs_nothing_in_a_spreadsheet(analyst: Client) -> None:
    requested(1, "=cmd|' /C calc'!A0", 10.0, day(1))
    rolled_up()
    answer = analyst.get(f"{PAGE}endpoint_performance.csv", range_of(3, 0))
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="endpoint_performance_')
    header, row = csv.reader(io.StringIO(answer.text))
    assert header[:3] == ["endpoint", "method", "requests"] and row[0] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"from": "2026-13-01"},
        {"from": "20260101"},
        {"from": "2026-W01-1"},
        {"to": "2026-02-30"},
        {"from": "2026-06-02", "to": "2026-06-01"},
        {"from": "1999-01-01"},
        {"to": "1999-01-01"},
        {"from": "2020-01-01", "to": "2026-01-01"},
        {"to": "2999-01-01"},
        {"to": "0000-00-00"},
        {"from": "9" * 5000},
        {"from": "2026-01-01\0"},
        {"deployment": "clown"},
        {"unknown": "filter"},
        {"name": "test_run"},  # which is for features and endpoints only
    ],
)
def test_a_bad_address_gets_a_reason_and_never_a_500(analyst: Client, query: dict[str, str]) -> None:
    for path in (PAGE, f"{PAGE}people/", f"{PAGE}intake/"):
        page = analyst.get(path, query)
        assert page.status_code == 400 and 'class="errornote"' in page.text
        assert 'name="from"' in page.text, "there is no form to correct it in"
    for extension in ("csv", "json"):
        answer = analyst.get(f"{PAGE}active_people.{extension}", query)
        assert answer.status_code == 400 and answer.text.strip()


@pytest.mark.parametrize("query", [{"method": "FETCH"}, {"name": "x" * 513}, {"name": "a\0b"}, {"name": "a\nb"}])
def test_a_bad_filter_of_endpoints_gets_a_reason(analyst: Client, query: dict[str, str]) -> None:
    assert analyst.get(f"{PAGE}endpoints/", query).status_code == 400
    assert analyst.get(f"{PAGE}endpoint_performance.csv", query).status_code == 400


def test_spans_are_counted_without_their_deployment_and_the_page_refuses_to_pretend(analyst: Client) -> None:
    assert analyst.get(f"{PAGE}intake/", {"deployment": "cloud"}).status_code == 400
    assert 'name="deployment"' not in analyst.get(f"{PAGE}intake/").text


def test_what_a_filter_contains_is_text_and_no_pattern(analyst: Client) -> None:
    for endpoint in ("/api/100%/", "/api/100_/", "/API/x/"):
        requested(1, endpoint, 10.0, day(1))
    rolled_up()
    for name, found in (("%", ["/api/100%/"]), ("_", ["/api/100_/"]), ("api/X", ["/API/x/"]), ("'", [])):
        rows = table(analyst, "endpoint_performance", **range_of(3, 0), name=name)
        assert [row["endpoint"] for row in rows] == found


def test_more_rows_than_can_be_held_are_refused_with_what_to_do(
    analyst: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MOST_ROWS", 10)
    assert analyst.get(f"{PAGE}active_people.csv", range_of(9, 0)).status_code == 200
    for path in (f"{PAGE}active_people.csv", f"{PAGE}people/"):
        answer = analyst.get(path, range_of(10, 0))
        assert answer.status_code == 400 and "Choose fewer days" in answer.text


def test_a_page_shows_the_first_thousand_rows_and_the_download_all(analyst: Client) -> None:
    when = day(1)
    rolled_up(feature(1, when, f"f{number:04}") for number in range(1001))
    page = analyst.get(f"{PAGE}features/", range_of(3, 0)).text
    assert len(tables_of(page)["Feature adoption"]) == 1000 and "Showing 1000 of 1001 rows" in page
    assert analyst.get(f"{PAGE}feature_adoption.csv", range_of(3, 0)).text.count("\r\n") == 1002


@pytest.mark.parametrize("path", PATHS)
def test_one_day_and_two_years_are_pages_too(analyst: Client, path: str) -> None:
    populate(seed=5)
    today = datetime.now(UTC).date()
    for first in (today, today - timedelta(days=730)):
        page = analyst.get(path, {"from": str(first), "to": str(today)})
        assert page.status_code == 200 and (figures_of(page.text) or path.endswith("/funnel/"))


def test_a_range_longer_ago_than_anything_is_empty_and_no_500(analyst: Client) -> None:
    for path in PATHS:
        assert analyst.get(path, {"from": "2000-01-01", "to": "2002-03-01"}).status_code == 200


@pytest.mark.parametrize("path", [*PATHS, f"{PAGE}?by=week"])
def test_no_page_asks_more_than_fifteen_queries(analyst: Client, path: str) -> None:
    populate(seed=5)
    databases = {DEFAULT_DB_ALIAS, analytics_database()}
    with ExitStack() as stack:
        asked = [stack.enter_context(CaptureQueriesContext(connections[name])) for name in databases]
        assert analyst.get(path).status_code == 200
    assert sum(len(each) for each in asked) <= 15


def test_shortcuts_and_other_pages_keep_the_filters_that_they_know(analyst: Client) -> None:
    page = analyst.get(f"{PAGE}endpoints/", {**range_of(9, 0), "deployment": "cloud", "name": "api"}).text
    week = f"from={day(6).date()}&amp;to={day(0).date()}"
    whole = f"from={day(9).date()}&amp;to={day(0).date()}"
    assert f'href="?{week}&amp;deployment=cloud&amp;name=api"' in page
    assert f'href="{PAGE}people/?{whole}&amp;deployment=cloud"' in page
    assert f'href="{PAGE}intake/?{whole}"' in page
    assert f'href="{PAGE}endpoint_performance.csv?{whole}&amp;deployment=cloud&amp;name=api"' in page


def test_reports_that_were_never_computed_say_what_computes_them(analyst: Client) -> None:
    login(1, day(0))
    page = analyst.get(PAGE).text
    assert "never computed" in page and "python3 manage.py keep_telemetry" in page


def test_reports_of_nothing_do_not_ask_for_a_command(analyst: Client) -> None:
    page = analyst.get(PAGE).text
    assert "Nothing is stored yet." in page and "keep_telemetry" not in page


def test_reports_that_are_behind_say_since_when_and_for_how_many_days(analyst: Client) -> None:
    rolled_up([activity(1, day(5))])
    assert "not counted yet" not in analyst.get(PAGE).text
    store([activity(2, day(4)), activity(2, day(2))])
    page = analyst.get(PAGE).text
    assert "As of" in page and "2 days have newer rows that are not counted yet" in page
    assert f"the oldest {day(4).date():%-d %B %Y}" in page
    rolled_up()
    assert waiting_days() == [] and not TouchedDay.objects.exists()
    assert "All stored rows are counted" in analyst.get(PAGE).text


def test_an_unknown_report_is_404(analyst: Client) -> None:
    assert analyst.get(f"{PAGE}nonsense.csv").status_code == 404
    assert analyst.get(f"{PAGE}active_people.exe").status_code == 404
    assert analyst.get(f"{PAGE}nonsense/").status_code == 404


def test_only_staff_who_may_see_the_rows_may_see_what_they_add_up_to() -> None:
    paths = [*PATHS, f"{PAGE}retention.csv", f"{PAGE}retention.json"]
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
    for who, is_led_there in ((staff, False), (half, False), (analyst, True)):
        assert (f'href="{PAGE}"' in signed_in(who).get("/admin/").text) is is_led_there


def test_a_download_is_recorded_with_whoever_took_it() -> None:
    clerk = a_person(is_staff=True, is_superuser=True)
    for extension in ("csv", "json"):
        assert signed_in(clerk).get(f"{PAGE}active_people.{extension}", range_of(2, 0)).status_code == 200
    taken = AccessEvent.objects.values_list("actor", "access", "what", "lines")
    assert list(taken) == [(clerk.pk, Access.EXPORTED, "report active_people", 3)] * 2


def test_json_has_the_same_values_as_the_table(analyst: Client) -> None:
    login(1, day(0))
    rolled_up()
    answer = json.loads(analyst.get(f"{PAGE}active_people.json", range_of(0, 0)).text)
    assert answer == {
        "report": "active_people",
        "from": str(day(0).date()),
        "to": str(day(0).date()),
        "rows": [{"day": str(day(0).date()), "cloud": 1, "self_hosted": 0, "active_people": 1}],
    }
