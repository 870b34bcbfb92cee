"""GET /api/reports: the numbers of pages and downloads, for a token that may read them and nothing else."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.show import api
from analytics.show.pages import PAGE_OF, REPORTS
from privacy import services
from privacy.models import Access, AccessEvent, Right, ServiceToken
from tests.analytics.keep.rows import activity, feature, request, rolled_up
from tests.analytics.show.rows import day
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
PAGE = "/admin/analytics/reports/"


@pytest.fixture(autouse=True)
def _unthrottled() -> None:
    cache.clear()


def token_of(name: str, right: Right = Right.REPORTS) -> str:
    digest, token = services.new_token()
    ServiceToken.objects.create(name=name, digest=digest, right=right)
    return token


def get(path: str, token: str, query: dict[str, str] | None = None) -> Any:
    return Client().get(f"/api/reports{path}", query or {}, headers={"Authorization": f"Bearer {token}"})


def few_and_many_people() -> None:
    rows: list[Any] = []
    for who in range(12):
        for ago in range(2, 6):
            deployment = "cloud" if who % 3 else "self_hosted"
            rows.append(activity(who, day(ago), deployment=deployment))
            rows.append(feature(who, day(ago), f"feature_{who % 5 % 2}", deployment=deployment))
            rows.append(request(who, day(ago), endpoint=f"/{who % 7 % 2}/", deployment=deployment))
    rolled_up(rows)


@pytest.mark.parametrize("smallest", ["1", "5"])
def test_every_report_answers_as_its_download(settings: Settings, smallest: str) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = smallest
    few_and_many_people()
    analyst, token = signed_in(a_person(is_staff=True, is_superuser=True)), token_of("dashboard")
    for name in REPORTS:
        for query in ({}, {"from": str(day(5).date()), "to": str(day(2).date()), "deployment": "cloud"}):
            asked = {key: value for key, value in query.items() if key in {"from", "to", *PAGE_OF[name].filters}}
            shown = analyst.get(f"{PAGE}{name}.json", asked)
            assert get(f"/{name}", token, asked).json() == shown.json(), (name, asked)
            cache.clear()


def test_the_list_has_every_report_with_its_columns_and_how_current_it_is(settings: Settings) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = "5"
    token = token_of("dashboard")
    assert get("", token).json()["computed_at"] is None
    few_and_many_people()
    found = get("", token).json()
    assert (found["smallest_group"], found["noise_bound"], found["days_waiting"]) == (5, 3, 0)
    assert found["computed_at"] is not None
    assert [each["name"] for each in found["reports"]] == [*REPORTS]
    for each in found["reports"]:
        rows = get(f"/{each['name']}", token).json()["rows"]
        assert all([*row] == [column["name"] for column in each["columns"]] for row in rows)


def test_the_query_of_a_pages_address_orders_the_rows() -> None:
    few_and_many_people()
    token = token_of("dashboard")
    rows = get("/feature_adoption", token, {"sort": "feature_adoption.-total_uses", "name": "feature_"}).json()["rows"]
    uses = [row["total_uses"] for row in rows]
    assert len(uses) == 2 and uses == sorted(uses, reverse=True)


@pytest.mark.parametrize(
    ("path", "query", "status", "reason"),
    [
        ("/nonsense", {}, 404, "There is no report of this name. GET /api/reports lists them."),
        ("/retention", {"from": "2026-05-03", "to": "2026-05-01"}, 400, "before it begins"),
        ("/retention", {"from": "2001-01-01", "to": "2026-05-01"}, 400, "longer than 800 days"),
        ("/retention", {"to": "2999-01-01"}, 400, "ends in the future"),
        ("/retention", {"from": "yesterday"}, 400, "`from` must be a day such as 2026-05-03."),
        ("/retention", {"from": "\x00"}, 400, "`from` must be a day"),
        ("/retention", {"name": "x"}, 400, "Unknown filter."),
        ("/feature_adoption", {"name": "x" * 513}, 400, "at most 512 printable characters"),
        ("/feature_adoption", {"sort": "feature_actions.-total_uses"}, 400, "The order is another report's."),
        ("/feature_adoption", {"sort": "feature_adoption.nonsense"}, 400, "has no column nonsense"),
        ("/feature_adoption", {"deployment": "moon"}, 400, "The deployment must be"),
    ],
)
def test_an_absurd_question_has_a_sentence(path: str, query: dict[str, str], status: int, reason: str) -> None:
    answer = get(path, token_of("dashboard"), query)
    assert answer.status_code == status and reason in answer.json()["detail"]
    assert not AccessEvent.objects.exists()


def test_a_token_without_the_right_and_a_session_of_staff_are_refused() -> None:
    decisions = token_of("shop", Right.DECISIONS)
    staff = signed_in(a_person(is_staff=True, is_superuser=True))
    for path in ("", "/retention"):
        answer = get(path, decisions)
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            "This token has another right. Use one with the right: Read reports.",
        )
        assert staff.get(f"/api/reports{path}").status_code == 401
        assert get(path, "rts_of_nobody").status_code == 401


def test_what_a_service_reads_is_in_the_access_log() -> None:
    few_and_many_people()
    get("/feature_adoption", token_of("dashboard"))
    line = AccessEvent.objects.get()
    assert (line.actor_id, line.access, line.what, line.lines) == (
        None,
        Access.EXPORTED,
        "report feature_adoption, token dashboard",
        2,
    )
    staff = signed_in(a_person(is_staff=True, is_superuser=True))
    assert "a service" in staff.get("/admin/privacy/accessevent/").text
    assert staff.get(f"/admin/privacy/accessevent/{line.pk}/change/").status_code == 200


def test_the_longest_name_of_a_token_and_of_a_report_fit_into_the_access_log() -> None:
    token = token_of("x" * 64)
    for name in REPORTS:
        assert get(f"/{name}", token).status_code == 200


def test_a_service_that_asks_without_end_is_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.ReportsThrottle, "rate", "2/min")
    token = token_of("dashboard")
    assert [get("", token).status_code for _ in range(3)] == [200, 200, 429]


def test_nothing_but_reading_is_allowed() -> None:
    token = token_of("dashboard")
    for method in ("post", "put", "patch", "delete"):
        answer = getattr(Client(), method)("/api/reports/retention", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 405
