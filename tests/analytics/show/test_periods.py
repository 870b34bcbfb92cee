"""The overview by week and month: whole periods, distinct people, and what the same range alone shows."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.show import charts, figures, reports
from analytics.show.answered import answered
from analytics.show.pages import PAGES
from analytics.show.question import PERIODS, Question, next_start
from privacy.switches import DeploymentType
from tests.analytics.keep.rows import activity, rolled_up
from tests.analytics.show.judging import differing
from tests.analytics.show.page import tables_of
from tests.analytics.show.population import DAYS, populate
from tests.analytics.show.rows import day
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
PAGE = "/admin/analytics/reports/"
COLUMNS = [column.name for column in reports.OVERVIEW_PERIODS.columns]


def range_of(first: int, last: int, by: str, deployment: DeploymentType | None = None) -> Question:
    today = timezone.now().date()
    return Question(today - timedelta(days=first), today - timedelta(days=last), deployment, by=by)


@pytest.fixture
def analyst() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


def test_every_number_is_that_of_the_raw_rows() -> None:
    oracle, found = populate(seed=5), []
    for by in PERIODS:
        for deployment in (None, *DeploymentType):
            for first, last in ((DAYS + 3, 0), (40, 9), (20, 20)):
                asked = range_of(first, last, by, deployment)
                expected = oracle.report("overview_periods", asked, timezone.now())
                found += differing(f"{asked}", COLUMNS, reports.OVERVIEW_PERIODS.rows(asked), expected)
    assert found == []


@pytest.mark.parametrize("smallest", ["1", "3", "5"])
def test_a_week_and_a_month_show_what_their_range_alone_shows(settings: Settings, smallest: str) -> None:
    populate(seed=5)
    settings.TELEMETRY_SMALLEST_GROUP = smallest
    known = 0
    for by in ("week", "month"):
        for row in reports.OVERVIEW_PERIODS.rows(range_of(60, 8, by)):
            alone = Question(row[0], next_start(row[0], by) - timedelta(days=1))
            shown = [figure.value for figure in figures.of_overview(answered(PAGES["overview"], alone, date.max).now)]
            people, uses, retention, errors, p95 = row[1:6]
            assert [people, uses or 0] == shown[:2], row
            for rate, value in zip((retention, errors, p95), shown[2:], strict=True):
                assert rate == value or float(rate) == pytest.approx(float(value or 0)), row
            known += people is not None
    assert known > 3


def test_periods_are_whole_and_compared_with_as_many_before() -> None:
    asked = Question(date(2026, 1, 15), date(2026, 3, 4), by="month")
    assert asked.periods == [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
    assert (asked.whole.first, asked.whole.last) == (date(2026, 1, 1), date(2026, 3, 31))
    assert (asked.periods_before.first, asked.periods_before.last) == (date(2025, 10, 1), date(2025, 12, 31))
    asked = Question(date(2026, 1, 1), date(2026, 1, 12), by="week")
    assert asked.periods == [date(2025, 12, 29), date(2026, 1, 5), date(2026, 1, 12)]
    assert (asked.periods_before.first, asked.periods_before.last) == (date(2025, 12, 8), date(2025, 12, 28))


@pytest.mark.parametrize(("days", "period"), [(100, "day"), (101, "week"), (400, "week"), (401, "month")])
def test_the_length_of_the_range_chooses_where_nobody_does(days: int, period: str) -> None:
    assert Question(date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=days - 1)).period == period


def test_a_person_chooses_and_the_choice_stays(analyst: Client) -> None:
    rolled_up(activity(who, day(ago)) for ago in range(15, 29) for who in range(8))
    today = timezone.now().date()
    asked = {"from": str(today - timedelta(days=27)), "to": str(today), "measure": "uses"}
    page = analyst.get(PAGE, {**asked, "by": "week"}).text
    assert "Feature uses by week" not in page and "Nothing to show for this range." in page, "nobody used any"
    page = analyst.get(PAGE, {**asked, "by": "week", "measure": "people"}).text
    assert "Active people by week" in page and "not over yet" in page and "by=week" in page
    assert "Week by week" in tables_of(page) and "Day by day" not in tables_of(page)
    assert 'name="by" value="week"' in page and "Active people by month" in analyst.get(PAGE, {"by": "month"}).text
    assert "`by` must be one of day, week, month, or empty." in analyst.get(PAGE, {"by": "year"}).text


def test_weeks_before_the_first_counted_day_are_gaps(analyst: Client) -> None:
    rolled_up(activity(who, day(10)) for who in range(8))
    asked = {"from": str(day(60).date()), "to": str(day(0).date()), "by": "week"}
    weeks = tables_of(analyst.get(PAGE, asked).text)["Week by week"]
    assert 2 <= len(weeks) <= 3 and weeks[-1][1] == "8"


def test_a_period_that_is_not_over_is_hatched_and_not_compared() -> None:
    points = [("2026-04-27", 4.0), ("2026-05-04", 2.0)]
    drawn = charts.line(
        points, unit="people", before=[("2026-04-13", 5.0), ("2026-04-20", 8.0)], not_over=1, period="week"
    )
    assert drawn is not None and drawn.hatched is not None and drawn.hatched.width == 50
    assert [each.text for each in drawn.days] == [
        "week 18, from 27 Apr: 4 people; 5 in week 16, from 13 Apr, -20 %",
        "week 19, from 4 May: 2 people, not over yet",
    ]
    months = charts.line([("2026-05-01", 3.0)], unit="people", period="month")
    assert months is not None and months.days[0].text == "May 2026: 3 people" and months.labels[0].text == "2026-05"
