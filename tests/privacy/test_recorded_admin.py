"""Every page of the admin that shows anything of anybody, and every change made there, is in the access log."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.core.checks import run_checks
from django.db import DatabaseError
from django.test import Client

from accounts.models import Organization, User
from privacy.checks import check_admin_site
from privacy.models import Access, AccessEvent, Preference
from tests.support.people import a_person, signed_in, someone_who_shares
from tests.support.wire import wired
from tests.test_every_address import TABLE, Line, address, one_of_each  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db(databases="__all__")
PEOPLE = "/admin/accounts/user/"
# Signing in, one's own password, a catalogue of JavaScript texts, names of models: nothing of anybody.
SHOWS_NOBODY = {
    "admin/login/",
    "admin/password_change/",
    "admin/password_change/done/",
    "admin/jsi18n/",
    next(line.route for line in TABLE if "app_label" in line.route),
}
PAGES = [line for line in TABLE if line.route.startswith("admin/") and line.method == "get"]


@pytest.fixture(autouse=True)
def _no_failures_yet() -> None:
    cache.clear()


@pytest.fixture
def staff() -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


def log() -> list[tuple[Any, ...]]:
    return list(AccessEvent.objects.order_by("recorded_at").values_list("access", "what", "about_id", "lines"))


@pytest.mark.parametrize("line", PAGES, ids=lambda line: line.route)
def test_a_page_of_the_admin_is_recorded(line: Line, one_of_each: dict[str, Any], staff: Client) -> None:  # noqa: F811
    before = AccessEvent.objects.count()
    with wired(TELEMETRY_STORED_HERE="true", NEXT_PUBLIC_OTEL_ENDPOINT="/v1/traces"):
        answer = staff.get(f"{address(line, one_of_each)}")
    shown = answer.status_code == 200 and line.route not in SHOWS_NOBODY
    assert AccessEvent.objects.count() - before == int(shown)


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ("change", "users"),
        ("history", "users: history"),
        ("delete", "users: delete"),
        ("password", "users: password"),
    ],
)
def test_a_page_about_a_person_is_recorded_with_the_person(staff: Client, page: str, what: str) -> None:
    person = someone_who_shares()
    assert staff.get(f"{PEOPLE}{person.pk}/{page}/").status_code == 200
    assert log() == [(Access.OPENED, what, person.pk, None)]


def test_a_window_to_choose_from_and_the_lists_of_tokens_and_of_what_staff_did_are_recorded(staff: Client) -> None:
    person = a_person()
    staff.get(PEOPLE, {"_popup": "1", "q": person.username})
    person.auth_token_set.create(user=person)
    staff.get("/admin/knox/authtoken/")
    staff.get("/admin/")
    assert log() == [
        (Access.SEARCHED, "users", person.pk, 1),
        (Access.LISTED, "auth tokens", person.pk, 1),
        (Access.OPENED, "index", None, None),
    ]


def test_names_offered_for_completion_are_recorded(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    organization = Organization.objects.create(name="One")
    monkeypatch.setattr(admin.site.get_model_admin(User), "autocomplete_fields", ("organization",))
    query = {"app_label": "accounts", "model_name": "user", "field_name": "organization", "term": "O"}
    answer = staff.get("/admin/autocomplete/", query)
    assert str(organization.pk) in answer.text
    assert log() == [(Access.OPENED, "autocomplete accounts.user", None, None)]


def test_reports_are_distinguished(staff: Client) -> None:
    for name in ("features", "endpoints"):
        assert staff.get(f"/admin/analytics/reports/{name}/").status_code == 200
    assert [what for _, what, *_ in log()] == ["report-page features", "report-page endpoints"]


def test_what_is_asked_before_people_are_deleted_is_recorded_and_so_is_the_deletion(staff: Client) -> None:
    people = [a_person() for _ in range(2)]
    chosen = {"action": "delete_selected", "_selected_action": [str(each.pk) for each in people]}
    model_admin = admin.site.get_model_admin(User)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_admin, "actions", (*model_admin.actions, "delete_selected"))
        assert "Are you sure" in staff.post(PEOPLE, chosen).text
        assert staff.post(PEOPLE, {**chosen, "post": "yes"}).status_code == 302
    assert log() == [
        (Access.OPENED, "users", None, 2),
        (Access.CHANGED, "users: delete_selected", None, 2),
    ]


def test_what_is_asked_before_one_person_is_deleted_is_recorded_with_the_person(staff: Client) -> None:
    person = a_person()
    chosen = {"action": "delete_selected", "_selected_action": [str(person.pk)]}
    assert "Are you sure" in staff.post(PEOPLE, chosen).text
    assert staff.post(PEOPLE, {**chosen, "post": "yes"}).status_code == 302
    assert log() == [
        (Access.OPENED, "users", person.pk, 1),
        (Access.CHANGED, "users: delete_selected", person.pk, 1),
    ]


def test_a_change_is_recorded_with_the_person_also_when_they_are_gone_afterwards(staff: Client) -> None:
    person = a_person()
    fields = {"username": person.username, "is_active": "on", "first_name": "Jane"}
    assert staff.post(f"{PEOPLE}{person.pk}/change/", fields).status_code == 302
    assert staff.post(f"{PEOPLE}{person.pk}/delete/", {"post": "yes"}).status_code == 302
    assert log() == [
        (Access.CHANGED, "users", person.pk, None),
        (Access.CHANGED, "users: delete", person.pk, None),
    ]


def test_an_action_that_is_none_changes_nothing_and_is_no_line(staff: Client) -> None:
    person = a_person()
    staff.post(PEOPLE, {"action": "jane@example.org", "_selected_action": [str(person.pk)]})
    assert log() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"action": ["switch_off", "nonsense"], "index": "0"},
        {"action": ["nonsense", "switch_off"], "index": "7"},
        {"action": ["switch_off", ""], "index": "nonsense"},
        {"action": ["", "switch_off"], "index": "-1"},
        {"action": "switch_off"},
    ],
)
def test_an_action_is_recorded_under_the_name_that_is_run(staff: Client, fields: dict[str, Any]) -> None:
    person = someone_who_shares()
    staff.post(PEOPLE, {**fields, "_selected_action": [str(person.pk)]})
    assert Preference.objects.get(pk=person.pk).choice is False
    assert log() == [(Access.CHANGED, "users: switch_off", person.pk, 1)]


def test_an_action_on_a_whole_list_is_recorded_with_all_of_it(staff: Client) -> None:
    people = [someone_who_shares() for _ in range(3)]
    staff.post(PEOPLE, {"action": "switch_off", "select_across": "1", "_selected_action": [str(people[0].pk)]})
    assert log() == [(Access.CHANGED, "users: switch_off", None, User.objects.count())]


def test_an_action_on_rows_that_are_none_is_refused(staff: Client) -> None:
    chosen = {"action": "switch_off", "_selected_action": ["nonsense"]}
    assert staff.post(PEOPLE, chosen).status_code == 400
    assert staff.post(PEOPLE, {**chosen, "_selected_action": [str(UUID(int=0))]}).status_code == 302
    assert log() == [(Access.CHANGED, "users: switch_off", None, 0)]


def test_a_change_made_in_a_popup_is_recorded_as_a_change(staff: Client) -> None:
    person = a_person()
    fields = {"username": person.username, "is_active": "on", "first_name": "Jane", "_popup": "1"}
    assert staff.post(f"{PEOPLE}{person.pk}/change/", fields).status_code == 200
    staff.post(f"{PEOPLE}{person.pk}/delete/", {"post": "yes", "_popup": "1"})
    assert not User.objects.filter(pk=person.pk).exists()
    assert log() == [
        (Access.CHANGED, "users", person.pk, None),
        (Access.CHANGED, "users: delete", person.pk, None),
    ]


def test_a_change_that_cannot_be_recorded_is_not_made(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    person = a_person()

    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError

    monkeypatch.setattr("privacy.recorded_admin.record", refuse)
    fields = {"password1": "another good horse", "password2": "another good horse", "usable_password": "true"}
    with pytest.raises(DatabaseError):
        staff.post(f"{PEOPLE}{person.pk}/password/", fields)
    assert not User.objects.get(pk=person.pk).has_usable_password()


def test_an_address_of_nobody_is_refused_and_no_line(staff: Client) -> None:
    for key in (UUID(int=0), "nonsense"):
        assert staff.get(f"{PEOPLE}{key}/change/").status_code == 302
        assert staff.post(f"{PEOPLE}{key}/delete/", {"post": "yes"}).status_code in {302, 404}
    assert not any(access == Access.OPENED for access, *_ in log())


def test_an_admin_that_records_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [each for each in run_checks() if each.id == "privacy.E010"]
    monkeypatch.setattr("django.contrib.admin.site", admin.AdminSite())
    assert [each.id for each in check_admin_site(None)] == ["privacy.E010"]
