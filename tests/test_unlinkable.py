"""No page for staff, no search and no line of a log leads from a pseudonym to a person, for superusers either."""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics.models import EndpointUsage, Erasure, FeatureUsage, Tombstone, UserActivity
from privacy import choices
from privacy.models import ConsentEvent, Source
from tests.privacy.test_api import store_rows
from tests.support.people import a_person, alias_of, signed_in, someone_who_shares
from tests.support.wire import wired

pytestmark = pytest.mark.django_db
ROWS = ("useractivity", "endpointusage", "featureusage")
# Such as 14:05 or 2:05 p.m., which is how a moment would be given away.
TIME_OF_DAY = re.compile(r"\b\d{1,2}:\d\d\b|\b[ap]\.m\.|\bnoon\b|\bmidnight\b")


@pytest.fixture(autouse=True)
def _telemetry_on() -> Iterator[None]:
    with wired(TELEMETRY_STORED_HERE="true"):
        yield


@pytest.fixture
def person() -> User:
    """Someone with rows from after an erasure, with choices, and with a last sign-in."""
    person = someone_who_shares()
    store_rows(person)
    choices.request_deletion(person.pk, source=Source.SETTINGS_PAGE, actor_id=person.pk)
    store_rows(person)
    for model in (UserActivity, EndpointUsage, FeatureUsage):
        model.objects.update(timestamp=F("timestamp") - timedelta(days=1))  # today's rows are on no page
    signed_in(person)
    return person


@pytest.fixture
def staff() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


def content(page: str) -> str:
    """What the page says: without what every page has around it, such as the name of who is signed in."""
    return page.partition('id="content"')[2]


def pages_of_staff(client: Client) -> Iterator[tuple[str, str]]:
    """Every list of the admin and a page of each of its rows."""
    for app in client.get("/admin/").context["app_list"]:
        for model in app["models"]:
            page = client.get(model["admin_url"])
            yield model["admin_url"], content(page.text)
            for row in model["model"]._default_manager.all()[:5]:
                path = f"{model['admin_url']}{row.pk}/change/"
                yield path, content(client.get(path).text)


def test_no_page_says_a_pseudonym(person: User, staff: Client) -> None:
    alias = alias_of(person)
    pages = list(pages_of_staff(staff))
    assert any(person.username in text for _, text in pages) and any("test_run" in text for _, text in pages)
    assert [path for path, text in pages if str(alias) in text or alias.hex in text] == []


def test_pages_of_rows_say_no_time_of_day(person: User, staff: Client) -> None:
    pages = [(path, text) for path, text in pages_of_staff(staff) if any(f"/{name}/" in path for name in ROWS)]
    assert len(pages) > len(ROWS)
    for path, text in pages:
        assert not TIME_OF_DAY.search(text), path


def test_of_the_last_sign_in_only_the_day_is_stored(person: User, staff: Client) -> None:
    person.refresh_from_db()
    assert person.last_login == timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    assert f"{person.last_login:%Y-%m-%d}" in staff.get(f"/admin/accounts/user/{person.pk}/change/").text


def test_lists_of_rows_hold_no_rows_id_whose_beginning_is_its_moment(person: User, staff: Client) -> None:
    for name, model in zip(ROWS, (UserActivity, EndpointUsage, FeatureUsage), strict=True):
        text = staff.get(f"/admin/analytics/{name}/").text
        assert model.objects.exists()
        assert not any(str(row.pk) in text or row.pk.hex in text for row in model.objects.all())


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    "query",
    [
        "timestamp__gte=2026-01-01T10:00:00Z",
        "timestamp__lt=2026-01-01",
        "timestamp__hour=10",
        "timestamp__time__gte=10:00",
        "timestamp__exact=2026-01-01T10:00:00Z",
        "id__gte=00000000-0000-0000-0000-000000000000",
        "user_id__gte=00000000-0000-0000-0000-000000000000",
        "user_id=00000000-0000-0000-0000-000000000000",
    ],
)
def test_no_address_asks_rows_for_a_moment(staff: Client, name: str, query: str) -> None:
    assert staff.get(f"/admin/analytics/{name}/?{query}").status_code == 400


@pytest.mark.parametrize(
    "query",
    ["user_id=00000000-0000-0000-0000-000000000000", "requested_at__gte=2026-01-01T10:00:00Z", "requested_at__hour=9"],
)
def test_no_address_asks_receipts_for_a_moment_or_a_pseudonym(staff: Client, query: str) -> None:
    assert staff.get(f"/admin/analytics/erasure/?{query}").status_code == 400


def test_rows_of_a_day_are_in_no_order_of_time_on_any_page(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = (timezone.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    events = ["session_start", "login", "logout", "button_click", "login", "logout"]
    for minutes, event in enumerate(events):
        UserActivity.objects.create(
            user_id=UUID(int=minutes),
            timestamp=noon + timedelta(minutes=minutes),
            deployment_type="cloud",
            event_type=event,
        )
    monkeypatch.setattr("analytics.admin.UserActivityAdmin.list_per_page", 2)
    for query in ({}, {"o": "-1"}):
        pages = [staff.get("/admin/analytics/useractivity/", {**query, "p": str(n)}) for n in (1, 2, 3)]
        shown = [row.event_type for page in pages for row in page.context["cl"].result_list]
        assert shown == sorted(events)


def test_a_receipt_names_no_pseudonym_and_is_not_found_by_one(person: User, staff: Client) -> None:
    receipt, erased = Erasure.objects.get(), Tombstone.objects.get().user_id
    assert erased != alias_of(person)
    for path in ("/admin/analytics/erasure/", f"/admin/analytics/erasure/{receipt.pk}/change/"):
        text = content(staff.get(path).text)
        assert str(receipt.pk) in text and str(erased) not in text
    found = staff.get("/admin/analytics/erasure/", {"q": str(erased)})
    assert found.context["cl"].result_count == 0
    assert staff.get("/admin/analytics/erasure/", {"q": str(receipt.pk)}).context["cl"].result_count == 1


def test_no_page_of_staff_names_a_pseudonym_that_was_erased(person: User, staff: Client) -> None:
    erased = Tombstone.objects.get().user_id
    assert not any(str(erased) in text or erased.hex in text for _, text in pages_of_staff(staff))


def test_no_search_for_a_pseudonym_finds_a_person_nor_for_a_person_their_rows(person: User, staff: Client) -> None:
    alias = str(alias_of(person))
    for app in staff.get("/admin/").context["app_list"]:
        for model in app["models"]:
            for word in [alias] if app["app_label"] != "analytics" else [alias, str(person.pk), person.username]:
                page = staff.get(model["admin_url"], {"q": word})
                if page.context["cl"].search_fields:
                    assert len(page.context["cl"].result_list) == 0, (model["admin_url"], word)


def test_a_persons_page_has_their_receipts_and_no_pseudonym(person: User, staff: Client) -> None:
    text = content(staff.get(f"/admin/accounts/user/{person.pk}/change/").text)
    assert str(Erasure.objects.get().pk) in text and "records deleted" in text
    assert str(alias_of(person)) not in text


def test_the_databases_of_people_hold_no_pseudonym(person: User, staff: Client) -> None:
    """The ledgers and accounts, as whoever has a copy of them would search them."""
    staff.get("/admin/analytics/useractivity/", {"q": str(alias_of(person))})
    alias = alias_of(person)
    tables = [name for name in connection.introspection.table_names() if not name.startswith("analytics_")]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE ANY (%s)", [[f"%{alias}%"]])
            row = cursor.fetchone()
            assert row is not None and row[0] == 0, table


def test_logs_say_neither(person: User, staff: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    alias = alias_of(person)
    staff.get("/admin/analytics/useractivity/", {"q": str(alias)})
    staff.get(f"/admin/accounts/user/{person.pk}/change/")
    said = [record.getMessage() for record in caplog.records]
    assert not any(str(alias) in line or str(person.pk) in line for line in said)
    assert ConsentEvent.objects.filter(user=person).exists()
