"""Tables of the report pages: their order, totals and changes, and the pages that their names lead to."""

import html
import re
from datetime import UTC, date, datetime

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.keep.partitions import make_months_ahead
from analytics.retention import months_before
from analytics.show.pages import REPORTS
from analytics.show.question import Question
from tests.analytics.keep.rows import rolled_up
from tests.analytics.show.page import tables_of
from tests.analytics.show.population import DAYS, populate
from tests.analytics.show.rows import day, requested, used
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
PAGE = "/admin/analytics/reports/"


@pytest.fixture
def analyst() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


@pytest.fixture(autouse=True)
def _months() -> None:
    make_months_ahead(months_before(datetime.now(UTC), 4))


def range_of(first: int, last: int) -> dict[str, str]:
    return {"from": str(day(first).date()), "to": str(day(last).date())}


def features(client: Client, **query: str) -> list[list[str]]:
    answer = client.get(f"{PAGE}features/", range_of(7, 1) | query)
    assert answer.status_code == 200, answer.text
    return tables_of(answer.text)["Feature adoption"]


@pytest.fixture
def three() -> None:
    for who, feature, times in ((1, "metric", 3), (1, "test", 1), (2, "test", 1), (3, "prompt", 2)):
        for _ in range(times):
            used(who, feature, day(2))
    used(1, "metric", day(9))
    used(1, "test", day(9))
    for _ in range(3):
        used(1, "test", day(10))
    rolled_up()


def test_a_column_orders_a_table_both_ways(three: None, analyst: Client) -> None:
    assert [row[0] for row in features(analyst)] == ["test", "metric", "prompt"]
    assert [row[0] for row in features(analyst, sort="feature_adoption.-total_uses")] == ["metric", "test", "prompt"]
    assert [row[0] for row in features(analyst, sort="feature_adoption.feature_name")] == ["metric", "prompt", "test"]
    assert [row[0] for row in features(analyst, sort="feature_actions.-action")] == ["test", "metric", "prompt"]


def test_the_title_of_a_column_orders_and_orders_the_other_way(three: None, analyst: Client) -> None:
    query = range_of(7, 1)
    for order in ("descending", "ascending"):
        page = analyst.get(f"{PAGE}features/", query).text
        (link,) = re.findall(r'<a href="\?([^"#]*)#report-feature_adoption">Uses</a>', page)
        page = analyst.get(f"{PAGE}features/?{html.unescape(link)}").text
        assert f'aria-sort="{order}"><a href' in page and page.count("aria-sort") == 1
        query = dict(part.split("=") for part in html.unescape(link).split("&"))


def test_days_come_newest_first_unless_ordered(three: None, analyst: Client) -> None:
    def days(**query: str) -> list[str]:
        page = analyst.get(f"{PAGE}people/", range_of(7, 1) | query).text
        return [row[0] for row in tables_of(page)["Daily active people"]]

    assert days() == sorted(days(), reverse=True)
    assert days(sort="active_people.day") == sorted(days())
    assert days(sort="active_people.-active_people")[0] == str(day(2).date())


@pytest.mark.parametrize(
    "sort", ["feature_adoption.nonsense", "nonsense.day", "day", "feature_adoption.-", "a.b;--", "weekly_people.week"]
)
def test_an_order_that_cannot_be_is_refused(analyst: Client, sort: str) -> None:
    answer = analyst.get(f"{PAGE}features/", {"sort": sort})
    assert answer.status_code == 400 and 'role="alert"' in answer.text


def test_downloads_have_the_report_s_own_order(three: None, analyst: Client) -> None:
    assert analyst.get(f"{PAGE}feature_adoption.csv", {"sort": "feature_adoption.-total_uses"}).status_code == 400
    page = analyst.get(f"{PAGE}features/", range_of(7, 1) | {"sort": "feature_adoption.-total_uses"}).text
    (link,) = re.findall(r'href="([^"]*feature_adoption\.csv[^"]*)"', page)
    assert analyst.get(html.unescape(link)).status_code == 200


def test_totals_are_of_what_adds_up_and_changes_are_of_the_days_before(three: None, analyst: Client) -> None:
    page = analyst.get(f"{PAGE}features/", range_of(7, 1)).text
    table = page.partition('aria-label="Numbers: Feature adoption"')[2].partition("</table>")[0]
    total = re.search(r'<tfoot><tr><th scope="row">Total</th><td class="count"></td><td class="count">7</td>', table)
    assert total, "people of several features may be the same"
    changes = dict(
        zip(
            re.findall(r'<td class="text"><a [^>]*>([^<]*)</a>', table),
            [
                re.sub(r"<[^>]*>|\s+", " ", each).split()
                for each in re.findall(r'(?s)<td class="change[^>]*>(.*?)</td>', table)
            ],
            strict=True,
        )
    )
    assert changes == {
        "metric": ["▲", "+200", "%", "better"],
        "test": ["▼", "-50", "%", "worse"],
        "prompt": [],
    }


def test_a_slower_endpoint_is_worse(analyst: Client) -> None:
    requested(1, "/api/a/", 100.0, day(9))
    requested(1, "/api/a/", 200.0, day(2))
    rolled_up()
    page = analyst.get(f"{PAGE}endpoints/", range_of(7, 1)).text
    assert re.search(r'<td class="change worse"><span aria-hidden="true">▲</span>', page)


def test_an_endpoint_that_fails_more_and_slower_is_worse_on_its_own_page(analyst: Client) -> None:
    requested(1, "/api/a/", 100.0, day(9))
    requested(1, "/api/a/", 200.0, day(2), status=500)
    rolled_up()
    page = analyst.get(f"{PAGE}endpoint/", range_of(7, 1) | {"name": "/api/a/", "method": "GET"}).text
    assert page.count('<dd class="change worse">') == 4 and '<dd class="change better">' not in page


def test_days_before_the_first_that_was_counted_are_gaps_in_charts_and_later_ones_are_zeros(analyst: Client) -> None:
    used(1, "metric", day(4))
    rolled_up()
    page = analyst.get(PAGE, range_of(6, 1)).text
    (chart,) = re.findall(r'(?s)<svg class="chart line.*?</svg>.*?</svg>', page)
    read_outs = re.findall(r'class="read-out"[^>]*>[^:<]*: ([^<;]*)', chart)
    assert read_outs == ["unknown", "unknown", "1 people", "0 people", "0 people", "0 people"]
    assert re.search(r'class="before" d=""', chart), "nothing is drawn of the days before"


def test_names_lead_to_pages_of_their_own_with_range_and_deployment(analyst: Client) -> None:
    used(1, "test", day(2))
    requested(1, "/api/a b&c/", 20.0, day(2), method="POST")
    requested(1, "/api/a b&c/", 20.0, day(2), method="GET")
    rolled_up()
    for path, title, name in (
        ("features", "Feature adoption", "test"),
        ("endpoints", "Endpoint performance", "/api/a b&c/"),
    ):
        page = analyst.get(f"{PAGE}{path}/", range_of(7, 1) | {"deployment": "cloud"}).text
        table = page.partition(f'aria-label="Numbers: {title}"')[2].partition("</table>")[0]
        links = {
            html.unescape(text): html.unescape(link)
            for link, text in re.findall(r'<td class="(?:text|name)"><a href="([^"]*)">([^<]*)<', table)
        }
        assert "deployment=cloud" in links[name] and range_of(7, 1)["from"] in links[name]
        own = analyst.get(links[name])
        assert own.status_code == 200 and f"<h1>{html.escape(name)}</h1>" in own.text
        assert "svg" in own.text and 'aria-current="true">' in own.text


def test_the_page_of_a_feature_is_of_no_other_that_contains_its_name(analyst: Client) -> None:
    used(1, "test", day(2))
    used(2, "test_run", day(2))
    rolled_up()
    page = tables_of(analyst.get(f"{PAGE}feature/", range_of(3, 1) | {"name": "test"}).text)
    assert page["Actions"] == [["test", "created", "1", "1"]]
    assert [row[1:] for row in page["By day"]] == [["0", "0"], ["1", "1"], ["0", "0"]]


@pytest.mark.parametrize("name", ["", "nonsense", "'; --", "x" * 512])
@pytest.mark.parametrize("page", ["feature", "endpoint"])
def test_a_name_of_nothing_shows_nothing(analyst: Client, page: str, name: str) -> None:
    answer = analyst.get(f"{PAGE}{page}/", {"name": name})
    assert answer.status_code == 200 and "Nothing to show" in answer.text


def test_people_who_keep_using_a_feature(analyst: Client) -> None:
    monday = day(70 + day(0).weekday())
    ago = (day(0) - monday).days
    for who in (1, 2, 3):
        used(who, "metric", day(ago - 1))
    used(1, "metric", day(ago - 7))  # one week later
    used(2, "metric", day(ago - 13))
    used(2, "metric", day(ago - 28))  # and four
    used(4, "metric", day(ago - 28))  # new then
    rolled_up()
    rows = REPORTS["feature_kept"].rows(Question(monday.date(), day(0).date(), name="metric"))
    assert [row[2:] for row in rows] == [(3, 2, 1, None), (1, 0, 0, None)]


def test_with_small_groups_hidden_a_day_is_what_the_report_of_this_day_has(settings: Settings) -> None:
    """So the pages of a name disclose no more than the reports of single days, which the auditor has tried."""
    populate(seed=5)
    settings.TELEMETRY_SMALLEST_GROUP = "3"
    days = [day(ago).date() for ago in range(DAYS, 0, -1)]

    def of_day(report: str, each: date, name: str, method: str | None = None) -> tuple[object, ...]:
        (row,) = REPORTS[report].rows(Question(each, each, name=name, method=method)) or [()]
        return row

    for row in REPORTS["feature_days"].rows(Question(days[0], days[-1], name="test_run")):
        assert row[1:] == (of_day("feature", row[0], "test_run")[1:] or (0, 0))
    hidden = 0
    for row in REPORTS["endpoint_days"].rows(Question(days[0], days[-1], name="/api/tests/", method="GET")):
        wanted = of_day("endpoint", row[0], "/api/tests/", "GET")
        shown = (wanted[2], *wanted[4:]) if wanted else (0, None, None, None, 0, None, 0)
        assert row[1:] == pytest.approx(shown)
        hidden += row[1] is None
    assert hidden, "small groups"
