"""Numbers about fewer people than TELEMETRY_SMALLEST_GROUP are left out of every report, and the others have noise."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.keep.rollups import close_days
from analytics.show.pages import PAGE_OF
from analytics.show.question import Question
from tests.analytics.keep.rows import Stored, activity, feature, moment, request, rolled_up
from tests.analytics.show.page import figures_of
from tests.analytics.show.population import DAYS, populate
from tests.analytics.show.rows import day
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
PAGE = "/admin/analytics/reports/"
STEPS = ["user_activity.login", "feature_usage.test_run"]
KEYS = {
    "place",
    "step",
    "day",
    "feature_name",
    "action",
    "endpoint",
    "method",
    "first_day",
    "week",
    "month",
    "period",
    "days",
}
NOT_OF_PEOPLE = {"received", "rejected"}


@pytest.fixture
def analyst() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


def everything(ago: int, people: range, name: str = "test_run", deployment: str = "cloud") -> list[Stored]:
    """All that can be done, once by each."""
    when = day(ago)
    return [
        row
        for who in people
        for row in (
            activity(who, when, deployment=deployment, session=f"s{who}"),
            feature(who, when + timedelta(minutes=1), name, deployment=deployment),
            request(who, when, endpoint=f"/{name}/", status=500, deployment=deployment),
        )
    ]


def rows(client: Client, report: str, first: int, last: int) -> list[dict[str, Any]]:
    query: dict[str, Any] = {"from": str(day(first).date()), "to": str(day(last).date())}
    if PAGE_OF[report].within:
        query["name"] = "test_run" if PAGE_OF[report].name == "feature" else "/test_run/"
    if report == "funnel":
        query |= {"step": STEPS, "within": "1d"}
    answer: list[dict[str, Any]] = client.get(f"{PAGE}{report}.json", query).json()["rows"]
    return answer


def numbers(row: dict[str, Any]) -> list[Any]:
    return [value for name, value in row.items() if name not in KEYS | NOT_OF_PEOPLE]


@pytest.mark.parametrize("report", ["active_people", "sign_ins", "sessions", "overview"])
def test_a_day_of_four_people_is_left_out_and_days_of_eight_and_of_none_are_not(
    analyst: Client, settings: Settings, report: str
) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = "5"
    rolled_up([*everything(14, range(1, 5)), *everything(13, range(1, 9))])
    four, eight, none = rows(analyst, report, 14, 12)
    # Of the eight of that day four are new, who are too few as well.
    assert None in numbers(four) and set(numbers(four)) <= {None, 0}
    hidden = {name for name, value in eight.items() if value is None}
    assert hidden == ({"new_people", "returned", "retention_percent"} if report == "overview" else set())
    assert {value for value in numbers(none) if value is not None} == {0}


@pytest.mark.parametrize("report", ["feature_adoption", "feature_actions", "endpoint_performance"])
def test_a_name_that_four_people_used_keeps_its_line_without_a_number(
    analyst: Client, settings: Settings, report: str
) -> None:
    # Four on each of two days: eight over the range.
    over_days = [*everything(14, range(1, 5), "days"), *everything(13, range(5, 9), "days")]
    rolled_up([*over_days, *everything(14, range(1, 5), "four"), *everything(14, range(1, 9), "eight")])
    settings.TELEMETRY_SMALLEST_GROUP = "5"
    found = {row.get("endpoint", row.get("feature_name", "")).strip("/"): row for row in rows(analyst, report, 27, 0)}
    assert set(numbers(found["four"])) == {None}
    assert None not in numbers(found["eight"]) and None not in numbers(found["days"])
    # The same people, and so the same noise.
    assert found["eight"]["unique_users"] == found["days"]["unique_users"] in range(5, 12)
    (of_another_range,) = [row for row in rows(analyst, report, 26, 0) if "eight" in str(row)]
    assert of_another_range["unique_users"] is None and None in numbers(of_another_range)


@pytest.mark.parametrize("report", [name for name, page in PAGE_OF.items() if page.name not in {"intake", "consent"}])
def test_no_report_has_a_number_about_two_people(analyst: Client, settings: Settings, report: str) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = "3"
    used_too = [feature(who, day(28), "another") for who in range(1, 3)]
    rolled_up([*everything(28, range(1, 3)), *used_too])
    found = rows(analyst, report, 40, 10)
    assert found and {value for row in found for value in numbers(row)} <= {None, 0}
    settings.TELEMETRY_SMALLEST_GROUP = "1"
    assert any(value for row in rows(analyst, report, 40, 10) for value in numbers(row))


def test_people_of_two_features_have_noise_of_their_own_and_are_left_out_where_they_are_few(
    analyst: Client, settings: Settings
) -> None:
    # Eight over two days, never more than four a day.
    over_days = [*everything(14, range(1, 5), "days"), *everything(13, range(5, 9), "days")]
    few = [*everything(14, range(1, 5), "four"), *everything(14, range(20, 40), "four")]
    rolled_up([*everything(14, range(1, 13)), *over_days, *few, *everything(13, range(1, 13), "all")])
    settings.TELEMETRY_SMALLEST_GROUP = "5"
    found = {row["feature_name"]: row for row in rows(analyst, "feature_together", 27, 0)}
    assert set(numbers(found["four"])) == {None}, "the four of both are hidden, though each has many people"
    assert found["days"]["unique_users"] in range(5, 12)
    (people,) = [row["unique_users"] for row in rows(analyst, "feature", 27, 0)]
    assert found["all"]["unique_users"] == people, "the same people have the same noise"
    assert found["days"]["share_percent"] == pytest.approx(100 * found["days"]["unique_users"] / people, abs=1e-4)
    (one_day,) = [row for row in rows(analyst, "feature_together", 13, 13) if row["feature_name"] == "all"] or [None]
    assert one_day is None, "on that day nobody used the feature itself"
    assert {value for row in rows(analyst, "feature_together", 26, 0) for value in numbers(row)} == {None}


@pytest.mark.parametrize("report", ["active_people", "weekly_people", "monthly_people"])
def test_parts_and_their_sum_have_noise_of_their_own_the_same_wherever_they_are_shown(
    analyst: Client, settings: Settings, report: str
) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = "3"
    rolled_up([*everything(5, range(1, 8)), *everything(5, range(8, 10), deployment="self_hosted")])
    (row,) = rows(analyst, report, 5, 5)
    assert row["cloud"] in range(5, 10) and row["self_hosted"] is None and row["active_people"] in range(7, 12)
    query = {"from": str(day(5).date()), "to": str(day(5).date()), "deployment": "cloud"}
    (of_cloud,) = analyst.get(f"{PAGE}{report}.json", query).json()["rows"]
    assert (of_cloud["cloud"], of_cloud["active_people"]) == (row["cloud"], row["cloud"])


@pytest.mark.parametrize("report", ["retention", "weekly_retention"])
def test_cohorts_and_returns_of_few_are_left_out(analyst: Client, settings: Settings, report: str) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = "3"
    # A Wednesday, so that days and weeks show the same.
    monday = 28 + day(28).weekday()
    first = [activity(who, day(monday - 2)) for who in range(1, 12)]
    back = [activity(who, day(monday - 3)) for who in (1, 2)] + [activity(who, day(monday - 4)) for who in range(3, 11)]
    rolled_up([*first, *back, *(activity(who, day(monday - 14)) for who in (21, 22))])
    (many,) = rows(analyst, report, monday, monday - 6)
    assert many["people"] in range(9, 14) and many["returned"] in range(8, 13) and many["returned"] <= many["people"]
    # Of the numbers shown: of the true ones it would lead to them.
    assert many["retention_percent"] == pytest.approx(100 * many["returned"] / many["people"], abs=1e-4)
    assert many["day_1"] is None and many["day_2"] in range(6, 11) and many["day_3"] == 0
    (few,) = rows(analyst, report, monday - 14, monday - 20)
    assert set(numbers(few)) == {None}


def test_people_of_the_range_are_left_out_where_they_are_few(analyst: Client, settings: Settings) -> None:
    rolled_up(everything(5, range(1, 4)))
    query = {"from": str(day(5).date()), "to": str(day(5).date())}
    assert figures_of(analyst.get(f"{PAGE}people/", query).text)["People who signed in"][0] == "3"
    settings.TELEMETRY_SMALLEST_GROUP = "4"
    page = analyst.get(f"{PAGE}people/", query).text
    assert figures_of(page)["People who signed in"][0] == "—"
    assert "Numbers about fewer than 4 people are hidden; all others are changed by up to 2 people" in page


def test_a_size_that_cannot_be_read_shows_nobody(analyst: Client, settings: Settings) -> None:
    rolled_up(everything(5, range(1, 30)))
    settings.TELEMETRY_SMALLEST_GROUP = "few"
    for report in ("active_people", "feature_adoption", "endpoint_performance", "overview"):
        (row,) = rows(analyst, report, 5, 5)
        assert None in numbers(row) and set(numbers(row)) <= {None, 0}


def test_of_random_people_nothing_is_shown_but_what_is_shown_of_larger_groups(
    analyst: Client, settings: Settings
) -> None:
    populate(seed=11)
    of_people = {"sign_ins": "people", "feature_adoption": "unique_users", "feature_actions": "unique_users"}
    for report, people in {**of_people, "endpoint_performance": "unique_users"}.items():
        for first, last in ((DAYS, 0), (30, 20), (9, 9)):
            settings.TELEMETRY_SMALLEST_GROUP = "1"
            open_rows = rows(analyst, report, first, last)
            settings.TELEMETRY_SMALLEST_GROUP = "6"
            closed = {tuple(row[key] for key in KEYS & set(row)): row for row in rows(analyst, report, first, last)}
            assert len(closed) == len(open_rows)
            counted = report == "sign_ins" or Question(day(first).date(), day(last).date()).counts_people
            for row in open_rows:
                shown = closed[tuple(row[key] for key in KEYS & set(row))]
                if 0 < row[people] < 6:
                    assert numbers(shown) == [None] * len(numbers(row))
                elif row[people] >= 6 + 3:
                    assert set(numbers(shown)) != {None}
                if shown[people] is not None:
                    assert counted and abs(shown[people] - row[people]) <= 3


def test_where_raw_rows_have_gone_whole_months_tell_that_a_group_is_not_small(
    analyst: Client, settings: Settings
) -> None:
    # Eight over the month, though never more than one a day.
    eight = [feature(who, moment(f"2026-03-{who:02} 10:00"), "eight") for who in range(1, 9)]
    rolled_up([*eight, *(feature(who, moment("2026-03-02 10:00"), "four") for who in range(1, 5))])
    close_days(before=date(2026, 4, 1))

    def adoption(smallest: int, first: str, last: str) -> dict[str, tuple[Any, Any]]:
        settings.TELEMETRY_SMALLEST_GROUP = str(smallest)
        answer = analyst.get(f"{PAGE}feature_adoption.json", {"from": first, "to": last}).json()["rows"]
        return {row["feature_name"]: (row["unique_users"], row["total_uses"]) for row in answer}

    whole = ("2026-03-01", "2026-03-31")
    assert adoption(1, *whole) == {"eight": (None, 8), "four": (None, 4)}
    shown = adoption(5, *whole)
    assert shown["four"] == (None, None)
    assert shown["eight"][0] is None and shown["eight"][1] is not None
    # Of a part of the month nothing is known any more but that somebody was there.
    assert adoption(1, "2026-03-02", "2026-03-31") == {"eight": (None, 7), "four": (None, 4)}
    assert adoption(2, "2026-03-02", "2026-03-31") == {"eight": (None, None), "four": (None, None)}


def test_where_raw_rows_have_gone_weeks_are_not_known_and_days_and_months_are(analyst: Client) -> None:
    rolled_up(activity(who, moment("2026-03-10 10:00"), session=f"s{who}") for who in (1, 2, 3))
    close_days(before=date(2026, 4, 1))
    query = {"from": "2026-03-10", "to": "2026-03-10"}
    said = {
        name: analyst.get(f"{PAGE}{name}.json", query).json()["rows"][0]
        for name in ("active_people", "weekly_people", "monthly_people", "people_of_range", "retention", "sessions")
    }
    assert said["active_people"]["active_people"] == said["monthly_people"]["active_people"] == 3
    assert said["weekly_people"]["active_people"] is None and said["people_of_range"]["people"] is None
    assert said["retention"]["people"] == 3 and said["retention"]["day_1"] == 0
    assert said["sessions"]["sessions"] == 3
