"""The stored rows in the admin: read-only, filtered by what is declared, found by whole ids."""

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import EndpointUsage, FeatureUsage, UserActivity
from privacy.models import Access, AccessEvent
from tests.analytics.show.rows import day, login, person, requested, used
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db
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
    login(1, day(0))
    login(2, day(0), event_type="logout")
    requested(1, "/a/", 1.0, day(0))
    requested(2, "/b/", 1.0, day(0), status=503, method="POST")
    used(1, "test_run", day(0))
    used(2, "metric", day(0), action="viewed")


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


def test_people_are_found_by_their_whole_pseudonym(staff: Client) -> None:
    for path in LISTS.values():
        assert listed(staff, path, q=str(person(1))) == 1
        assert listed(staff, path, q=person(1).hex) == 1
        assert listed(staff, path, q=str(uuid4())) == 0
        page = staff.get(path, {"q": "part-of-one"})
        assert "Enter a complete id" in page.text and len(page.context["cl"].result_list) == 0


def test_a_row_is_found_by_its_id_by_way_of_its_moment(staff: Client) -> None:
    when = day(0)
    row_id = UUID(int=(int(when.timestamp() * 1000) << 80) | (8 << 76) | (0b10 << 62) | 7)
    assert row_id.version == 8
    UserActivity.objects.filter(event_type="login").update(id=row_id)
    with CaptureQueriesContext(connection) as queries:
        assert listed(staff, LISTS[UserActivity], q=str(row_id)) == 1
    assert any('"timestamp" >=' in each["sql"] and "OR" in each["sql"] for each in queries)


def test_a_list_of_many_rows_counts_to_ten_thousand_at_most(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.admin.COUNT_AT_MOST", 1)
    assert staff.get(LISTS[UserActivity]).context["cl"].paginator.count == 1


def test_pages_of_days_open(staff: Client) -> None:
    today = day(0)
    for path in LISTS.values():
        assert listed(staff, path, timestamp__year=str(today.year), timestamp__month=str(today.month)) == 2


def test_looking_at_rows_and_searching_by_pseudonym_are_recorded_without_the_pseudonym(staff: Client) -> None:
    row = UserActivity.objects.filter(user_id=person(1))[0]
    listed(staff, LISTS[UserActivity])
    listed(staff, LISTS[UserActivity], q=str(person(1)))
    staff.get(f"{LISTS[UserActivity]}{row.pk}/change/")
    events = AccessEvent.objects.order_by("recorded_at").values_list("access", "what", "about", "lines")
    assert list(events) == [
        (Access.LISTED, "user activity", None, 2),
        (Access.SEARCHED, "user activity", None, 1),
        (Access.OPENED, "user activity", None, None),
    ]
