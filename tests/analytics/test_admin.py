"""The stored rows in the admin: read-only, by day, without ids, filtered by what is declared."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import EndpointUsage, FeatureUsage, UserActivity
from privacy.models import Access, AccessEvent
from tests.analytics.show.rows import day, login, person, requested, used
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db
YESTERDAY = day(1)
LISTS = {
    UserActivity: "/admin/analytics/useractivity/",
    EndpointUsage: "/admin/analytics/endpointusage/",
    FeatureUsage: "/admin/analytics/featureusage/",
}


@pytest.fixture
def staff() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


@pytest.fixture(autouse=True)
def _rows() -> None:
    login(1, YESTERDAY)
    login(2, YESTERDAY, event_type="logout")
    requested(1, "/a/", 1.0, YESTERDAY)
    requested(2, "/b/", 1.0, YESTERDAY, status=503, method="POST")
    used(1, "test_run", YESTERDAY)
    used(2, "metric", YESTERDAY, action="viewed")


def listed(client: Client, path: str, **query: str) -> int:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return len(answer.context["cl"].result_list)


@pytest.mark.parametrize("path", LISTS.values())
def test_nothing_can_be_added_changed_or_deleted(staff: Client, path: str) -> None:
    model = next(model for model, where in LISTS.items() if where == path)
    row = model.objects.all()[0]
    assert staff.get(f"{path}{row.pk}/change/").status_code == 200
    assert staff.post(f"{path}{row.pk}/change/", {}).status_code == 403
    assert staff.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.post(f"{path}add/", {}).status_code == 403
    staff.post(path, {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
    assert model.objects.count() == 2


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (UserActivity, {"event_type": "login"}),
        (EndpointUsage, {"method": "POST"}),
        (EndpointUsage, {"status": "5xx"}),
        (FeatureUsage, {"feature_name": "metric"}),
        (FeatureUsage, {"action": "viewed"}),
    ],
)
def test_filters_by_what_the_catalogue_declares(
    staff: Client, model: type[UserActivity] | type[EndpointUsage] | type[FeatureUsage], query: dict[str, str]
) -> None:
    assert listed(staff, LISTS[model]) == 2
    with CaptureQueriesContext(connection) as queries:
        assert listed(staff, LISTS[model], **query) == 1
    assert not any('SELECT DISTINCT "analytics' in each["sql"] for each in queries), "values read from the table"


def test_todays_rows_appear_once_their_day_is_over(staff: Client) -> None:
    today = UserActivity.objects.create(
        user_id=person(3), timestamp=timezone.now(), deployment_type="cloud", event_type="login"
    )
    assert listed(staff, LISTS[UserActivity]) == 2
    assert staff.get(f"{LISTS[UserActivity]}{today.pk}/change/").status_code == 302  # there is no such row yet
    UserActivity.objects.filter(timestamp__lt=today.timestamp).delete()
    assert "once their UTC day is over" in staff.get(LISTS[UserActivity]).text


def test_a_list_is_of_the_newest_day_or_of_the_chosen_one(staff: Client) -> None:
    before = day(3)
    login(5, before, event_type="session_start")
    assert listed(staff, LISTS[UserActivity]) == 2
    query = {"timestamp__year": str(before.year), "timestamp__month": str(before.month)}
    assert listed(staff, LISTS[UserActivity], **query, timestamp__day=str(before.day)) == 1
    page = staff.get(LISTS[UserActivity]).text
    assert f"timestamp__day={before.day}" in page or f"timestamp__month={before.month}" in page


def test_pages_of_a_long_day_hold_each_row_once(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        login(10 + number, YESTERDAY + timedelta(minutes=number))
    monkeypatch.setattr("analytics.admin.UserActivityAdmin.list_per_page", 4)
    shown = [
        row.pk
        for number in ("1", "2", "3")
        for row in staff.get(LISTS[UserActivity], {"p": number}).context["cl"].result_list
    ]
    assert len(shown) == len(set(shown)) == 9


@pytest.mark.parametrize("path", LISTS.values())
def test_there_is_no_search_and_no_id_on_a_page(staff: Client, path: str) -> None:
    page = staff.get(path)
    assert 'name="q"' not in page.text
    row = page.context["cl"].result_list[0]
    detail = staff.get(f"{path}{row.pk}/change/").text.partition('id="content"')[2]
    for text in (page.text, detail):
        assert str(row.user_id) not in text and "user_id" not in text.lower()


def test_a_list_of_many_rows_counts_to_ten_thousand_at_most(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.admin.COUNT_AT_MOST", 1)
    assert staff.get(LISTS[UserActivity]).context["cl"].paginator.count == 1


def test_pages_of_days_open(staff: Client) -> None:
    for path in LISTS.values():
        query = {"timestamp__year": str(YESTERDAY.year), "timestamp__month": str(YESTERDAY.month)}
        assert listed(staff, path, **query) == 2


def test_looking_at_rows_is_recorded_without_a_pseudonym(staff: Client) -> None:
    row = UserActivity.objects.filter(user_id=person(1))[0]
    listed(staff, LISTS[UserActivity])
    staff.get(f"{LISTS[UserActivity]}{row.pk}/change/")
    events = AccessEvent.objects.order_by("recorded_at").values_list("access", "what", "about", "lines")
    assert list(events) == [
        (Access.LISTED, "user activity", None, 2),
        (Access.OPENED, "user activity", None, None),
    ]
