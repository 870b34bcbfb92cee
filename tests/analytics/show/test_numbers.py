"""Every number of every report, download, page and view is what plain Python makes of the rows."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics.show.bi_views import REPORTS as VIEWS
from analytics.show.question import Question
from privacy.switches import DeploymentType
from tests.analytics.show.judging import COUNTING_VIEWS, wrong_downloads, wrong_pages, wrong_reports, wrong_views
from tests.analytics.show.oracle import Oracle
from tests.analytics.show.population import DAYS, populate
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
# The whole of it, some weeks and months in part, a single day, days with nothing in them, and the filters.
RANGES: dict[str, tuple[int, int, dict[str, Any]]] = {
    "everything": (DAYS + 3, 0, {}),
    "some of it": (40, 9, {}),
    "one day": (20, 20, {}),
    "nothing": (DAYS + 60, DAYS + 30, {}),
    "cloud": (45, 3, {"deployment": "cloud"}),
    "self-hosted": (45, 3, {"deployment": "self_hosted"}),
    "one endpoint": (45, 3, {"name": "RUNS", "method": "GET"}),
    "one feature": (45, 3, {"name": "RUN"}),
    "the page of a feature": (45, 3, {"name": "test_run"}),
    "a funnel": (45, 3, {"step": ["user_activity.login", "feature_usage.metric"], "within": "14d"}),
    "a funnel of pages": (
        DAYS,
        0,
        {
            "step": [
                "feature_usage.page_view",
                "user_activity.logout",
                "feature_usage.test_run.created",
                "feature_usage.test_run",
            ],
            "deployment": "cloud",
            "within": "90d",
        },
    ),
    "the page of an endpoint": (45, 3, {"name": "/api/tests/", "method": "GET", "deployment": "cloud"}),
}


@pytest.fixture
def oracle() -> Oracle:
    return populate(seed=7)


@pytest.fixture
def analyst() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


def question(range_name: str) -> tuple[Question, dict[str, Any]]:
    first, last, filters = RANGES[range_name]
    today = timezone.now().date()
    deployment = DeploymentType(filters["deployment"]) if "deployment" in filters else None
    first_day, last_day = today - timedelta(days=first), today - timedelta(days=last)
    named = {"steps": tuple(filters["step"]), "within": filters["within"]} if "step" in filters else {}
    name, method = filters.get("name"), filters.get("method")
    return Question(first_day, last_day, deployment, name, method, **named), dict(filters)


@pytest.mark.parametrize("range_name", RANGES)
def test_reports_and_downloads(oracle: Oracle, analyst: Client, range_name: str) -> None:
    asked, filters = question(range_name)
    if not filters:
        assert wrong_reports(oracle, asked) == []
    assert wrong_downloads(analyst, oracle, asked, filters) == []


@pytest.mark.parametrize("range_name", RANGES)
def test_pages(oracle: Oracle, analyst: Client, range_name: str) -> None:
    asked, filters = question(range_name)
    assert wrong_pages(analyst, oracle, asked, filters) == []


@pytest.mark.parametrize("smallest", [1, 3, 8])
def test_views(oracle: Oracle, smallest: int) -> None:
    assert wrong_views(oracle, smallest) == []


def test_every_view_is_judged() -> None:
    assert {*COUNTING_VIEWS, "freshness", "calendar"} == set(VIEWS)
