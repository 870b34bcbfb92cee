"""Funnels: what is asked, what is refused with a sentence, and what is hidden."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.keep.rollups import close_days
from analytics.show.pages import REPORTS
from analytics.show.question import Question
from analytics.show.steps import choices
from tests.analytics.keep.rows import Stored, activity, erase, feature, person, rolled_up
from tests.analytics.show.page import tables_of
from tests.analytics.show.rows import day
from tests.analytics.show.test_api import get, token_of
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
PAGE = "/admin/analytics/reports/funnel/"
LOGIN, RUN, SET = "user_activity.login", "feature_usage.test_run", "feature_usage.test_set"
ONE_MINUTE = timedelta(minutes=1)


@pytest.fixture
def analyst() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


def on_the_way(who: range, start: datetime, *names: str) -> list[Stored]:
    """A sign-in, and these features a minute after one another."""
    return [
        row
        for each in who
        for row in (
            activity(each, start),
            *(feature(each, start + number * ONE_MINUTE, name) for number, name in enumerate(names, start=1)),
        )
    ]


def people(*steps: str, days: int = 28, within: str = "1h", **filters: Any) -> list[int | None]:
    last = timezone.now().date()
    asked = Question(last - timedelta(days=days - 1), last, steps=steps, within=within, **filters)
    return [row[2] for row in REPORTS["funnel"].rows(asked)]


def test_steps_are_in_order_later_and_within_the_window_of_one_start() -> None:
    at = day(3)
    rolled_up(
        [
            *on_the_way(range(1, 4), at, "test_set", "test_run"),
            activity(4, at),
            feature(4, at, "test_run"),  # at the same moment, so not after
            activity(5, at),
            activity(5, at + timedelta(minutes=30)),  # this start is the one that leads on
            feature(5, at + timedelta(minutes=90), "test_run"),
            activity(6, at),
            feature(6, at + timedelta(minutes=60, microseconds=1), "test_run"),
        ]
    )
    assert people(LOGIN, RUN) == [6, 4]
    assert people(LOGIN, RUN, within="6h") == [6, 5]
    assert people(LOGIN, SET, RUN) == [6, 3, 3]
    assert people(LOGIN, RUN, SET) == [6, 4, 0]
    assert people(RUN, LOGIN) == [6, 0]


def test_an_erasure_and_a_late_row_count_at_once() -> None:
    rolled_up(on_the_way(range(1, 4), day(3), "test_run"))
    erase(person(1))
    assert people(LOGIN, RUN) == [2, 2]
    rolled_up([feature(2, day(3) + 2 * ONE_MINUTE, "test_set")])
    assert people(LOGIN, RUN, SET) == [2, 2, 1]


def test_numbers_of_few_and_of_nobody_are_hidden_with_every_step_after_them(settings: Settings) -> None:
    """Otherwise another step would show whether the one person who is left did it."""
    rolled_up(
        [*on_the_way(range(1, 30), day(3), "test_run"), *on_the_way(range(30, 33), day(3), "test_run", "test_set")]
    )
    assert people(LOGIN, RUN, SET) == [32, 32, 3]
    settings.TELEMETRY_SMALLEST_GROUP = "5"
    first, second, third = people(LOGIN, RUN, SET)
    assert first == second and first in range(29, 36), "the same people have the same noise"
    assert third is None and people(LOGIN, SET, RUN)[1:] == [None, None]
    assert people(LOGIN, "feature_usage.prompt")[1] is None, "nobody looks like few"
    assert people(LOGIN, RUN, days=27) == [None, None], "people are counted over few lengths"


def test_today_counts_once_it_is_over_where_groups_are_protected(settings: Settings) -> None:
    rolled_up(on_the_way(range(1, 30), day(0, hour=0), "test_run"))
    assert people(LOGIN, RUN) == [29, 29]
    settings.TELEMETRY_SMALLEST_GROUP = "2"
    assert people(LOGIN, RUN) == [None, None]


def test_where_raw_rows_have_gone_nothing_is_known() -> None:
    rolled_up(on_the_way(range(1, 4), day(3), "test_run"))
    close_days(before=day(10).date())
    assert people(LOGIN, RUN, days=28) == [None, None] and people(LOGIN, RUN, days=7) == [3, 3]


def test_the_address_is_the_question_and_the_form_shows_it(analyst: Client) -> None:
    rolled_up(on_the_way(range(1, 4), day(3), "test_run"))
    page = analyst.get(PAGE, {"step": ["", LOGIN, "", f"{RUN}.created"], "within": "6h"}).text
    assert tables_of(page)["Steps"] == [
        ["1", LOGIN, "3", "100.0\xa0%", "—"],
        ["2", f"{RUN}.created", "3", "100.0\xa0%", "100.0\xa0%"],
    ]
    assert page.count('<select name="step">') == 4 and page.count(" selected>") == 3
    linked = "step=user_activity.login&amp;step=feature_usage.test_run.created&amp;within=6h"
    assert page.count(f'&amp;{linked}"') > 5, "ranges, order and downloads keep the steps"


NINE = [step for group in choices().values() for step, _ in group][:9]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"step": [LOGIN]}, "A funnel has 2 to 8 steps, and this one has 1. Choose more."),
        ({"step": NINE}, "A funnel has 2 to 8 steps, and this one has 9. Choose fewer."),
        ({"step": [LOGIN, "feature_usage.nonsense"]}, "Step 2 is not in the catalogue."),
        ({"step": [LOGIN, f"{RUN}.nonsense"]}, "Step 2 is not in the catalogue."),
        ({"step": [LOGIN, "\x00"]}, "Step 2 is not in the catalogue."),
        ({"step": ["user_activity.erasure_requested", RUN]}, "Step 1 is not in the catalogue."),
        ({"step": [LOGIN, RUN, LOGIN]}, "Step 3 repeats an earlier step. Choose another."),
        ({"step": [LOGIN, RUN], "within": "0d"}, "The window must be one of 1h, 6h, 1d, 3d, 7d, 14d, 30d, 90d"),
        ({"step": [LOGIN, RUN], "within": "400d"}, "The window must be one of"),
        ({"name": "test_run"}, "Unknown filter."),
    ],
)
def test_what_is_no_funnel_has_a_sentence(analyst: Client, query: dict[str, Any], reason: str) -> None:
    cache.clear()
    page = analyst.get(PAGE, query)
    assert page.status_code == 400 and reason in page.text
    if "step" in query and LOGIN in query["step"]:
        assert f'value="{LOGIN}" selected' in page.text, "the form still has what was chosen"
    download = analyst.get("/admin/analytics/reports/funnel.csv", query)
    assert download.status_code == 400 and reason in download.text
    answer = get("/funnel", token_of("dashboard"), query)
    assert answer.status_code == 400 and reason in answer.json()["detail"]


def test_other_pages_have_no_steps(analyst: Client) -> None:
    assert analyst.get("/admin/analytics/reports/people/", {"step": [LOGIN, RUN]}).status_code == 400


def test_a_program_reads_what_the_download_has(analyst: Client) -> None:
    cache.clear()
    rolled_up(on_the_way(range(1, 4), day(3), "test_run"))
    query: Any = {"step": [LOGIN, RUN], "within": "1d"}
    answer = get("/funnel", token_of("dashboard"), query).json()
    assert answer == analyst.get("/admin/analytics/reports/funnel.json", query).json()
    assert [row["people"] for row in answer["rows"]] == [3, 3]
