"""Every way staff could have something recorded as a person's own act: the table of docs/audit.md, row by row."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from knox.models import AuthToken

from accounts.models import User
from privacy import choices
from privacy.models import Access, AccessEvent, Action, ConsentEvent, Preference, Source
from tests.support.people import a_person, signed_in, someone_who_shares, with_token
from tests.support.wire import wired

pytestmark = pytest.mark.django_db
ENABLE, HISTORY = "/api/users/telemetry/enable", "/api/users/telemetry/history"
PEOPLE, TOKENS = "/admin/accounts/user/", "/admin/knox/authtoken/"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _no_failures_yet() -> None:
    cache.clear()


@pytest.fixture
def operator() -> User:
    return a_person(is_staff=True, is_superuser=True)


@pytest.fixture
def staff(operator: User) -> Client:
    return signed_in(operator)


def lines(person: User) -> list[tuple[Any, ...]]:
    """The person's history, oldest first: what, from where, by whom."""
    events = ConsentEvent.objects.filter(user_id=person.pk).order_by("recorded_at")
    return list(events.values_list("action", "source", "actor_id"))


def set_password(staff: Client, person: User, password: str = PASSWORD) -> None:
    fields = {"password1": password, "password2": password, "usable_password": "true"}
    assert staff.post(f"{PEOPLE}{person.pk}/password/", fields).status_code == 302
    assert User.objects.get(pk=person.pk).check_password(password)


def test_staff_cannot_add_a_token_for_a_person(staff: Client) -> None:
    person = a_person()
    assert staff.post(f"{TOKENS}add/", {"user": str(person.pk)}).status_code == 403
    assert not AuthToken.objects.exists()


def test_staff_cannot_give_their_own_token_to_a_person(staff: Client, operator: User) -> None:
    person = a_person()
    token, text = AuthToken.objects.create(user=operator)
    assert staff.post(f"{TOKENS}{token.pk}/change/", {"user": str(person.pk)}).status_code == 403
    Client(headers={"Authorization": f"Bearer {text}"}).put(ENABLE)
    assert lines(person) == []


def test_the_list_of_tokens_shows_nothing_of_a_token_and_lets_it_be_revoked(staff: Client) -> None:
    person = a_person()
    token, _ = AuthToken.objects.create(user=person)
    page = staff.get(TOKENS)
    assert person.username in page.text
    assert token.token_key not in page.text and f">{token.digest}<" not in page.text
    assert staff.post(f"{TOKENS}{token.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not AuthToken.objects.exists()


def test_no_page_of_the_admin_is_about_sessions() -> None:
    assert not admin.site.is_registered(Session)


def test_a_password_that_staff_set_is_in_the_persons_history_and_in_the_access_log(
    staff: Client, operator: User
) -> None:
    person = a_person()
    set_password(staff, person)
    assert lines(person) == [(Action.PASSWORD_SET, Source.ADMIN, operator.pk)]
    log = AccessEvent.objects.filter(access=Access.CHANGED).values_list("actor_id", "what", "about_id")
    assert list(log) == [(operator.pk, "users: password", person.pk)]
    assert with_token(person).get(HISTORY).json()["results"][0]["description"] == "Staff set your password"
    assert "Staff set your password" in signed_in(User.objects.get(pk=person.pk)).get("/settings/privacy/").text


def test_consent_given_with_a_password_that_staff_set_is_recognizable_until_the_person_sets_their_own(
    staff: Client,
) -> None:
    person = a_person()
    set_password(staff, person)
    with wired(DEPLOYMENT_TYPE="self_hosted"):
        browser = Client()
        assert browser.login(username=person.username, password=PASSWORD)
        assert browser.post("/settings/privacy/sharing/", {"sharing": "on"}).status_code == 302
        flagged = ConsentEvent.objects.with_password_source().get(action=Action.ENABLED)
        assert flagged.password_known_to_staff
        assert with_token(person).get(HISTORY).json()["results"][0]["description"] == (
            "Sharing switched on, signed in with a password set by staff"
        )
        page = staff.get("/admin/privacy/consentevent/", {"action__exact": Action.ENABLED}).text
        assert "icon-yes" in page

        new = "another good horse"
        fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        assert browser.post("/settings/password/", fields).status_code == 302
        browser.post("/settings/privacy/sharing/", {"sharing": "off"})
    assert lines(person)[-2:] == [
        (Action.PASSWORD_SET, Source.ACCOUNT_PAGE, person.pk),
        (Action.DISABLED, Source.SETTINGS_PAGE, person.pk),
    ]
    assert not ConsentEvent.objects.with_password_source().get(action=Action.DISABLED).password_known_to_staff
    history = with_token(person).get(HISTORY).json()["results"]
    assert history[1]["description"] == "You set a new password, signed in with a password set by staff"


def test_what_staff_do_themselves_is_not_called_done_with_anothers_password(staff: Client, operator: User) -> None:
    person = someone_who_shares()
    set_password(staff, person)
    choices.choose(person.pk, enabled=False, source=Source.ADMIN, actor_id=operator.pk)
    assert not ConsentEvent.objects.with_password_source().get(action=Action.DISABLED).password_known_to_staff


def test_an_account_made_by_staff_begins_with_a_password_that_staff_know(staff: Client, operator: User) -> None:
    fields = {"username": "new-person", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert staff.post(f"{PEOPLE}add/", fields).status_code == 302
    assert lines(User.objects.get(username="new-person")) == [(Action.PASSWORD_SET, Source.ADMIN, operator.pk)]


@pytest.mark.parametrize(
    ("change", "action"),
    [
        ({"username": "somebody-else"}, Action.ACCOUNT_CHANGED),
        ({"email": "other@example.org"}, Action.ACCOUNT_CHANGED),
        ({"is_active": ""}, Action.ACCOUNT_DEACTIVATED),
    ],
    ids=["user name", "e-mail address", "deactivation"],
)
def test_what_a_person_signs_in_with_is_not_changed_behind_their_back(
    staff: Client, operator: User, change: dict[str, str], action: Action
) -> None:
    person = a_person(email="old@example.org")
    fields = {"username": person.username, "email": person.email, "is_active": "on", **change}
    answer = staff.post(f"{PEOPLE}{person.pk}/change/", fields)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert lines(person) == [(action, Source.ADMIN, operator.pk)]


def test_a_rehashed_password_and_a_sign_in_are_no_change_of_the_account() -> None:
    person = a_person(password=PASSWORD)
    with wired(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.must_update", lambda *_: True)
        before = User.objects.get(pk=person.pk).password
        assert Client().login(username=person.username, password=PASSWORD)
        assert User.objects.get(pk=person.pk).password != before
    assert lines(person) == []


@pytest.mark.parametrize("fields", [None, ["password"]])
def test_a_password_stored_as_a_hash_is_in_the_persons_history(fields: list[str] | None) -> None:
    """As imports and other packages do; it is no rehash of the one before."""
    person = a_person(password="another good horse")
    person.password = make_password(PASSWORD)
    person.save(update_fields=fields)
    assert lines(person) == [(Action.PASSWORD_SET, Source.COMMAND, None)]


def test_saving_what_nobody_signs_in_with_costs_no_further_query(django_assert_num_queries: Any) -> None:
    person = a_person()
    with django_assert_num_queries(1):
        person.save(update_fields=["last_login"])
    with django_assert_num_queries(1):
        User(username="grace").save()


def test_a_password_set_by_a_command_is_nobodys_and_from_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    person = a_person()
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: PASSWORD)
    call_command("changepassword", person.username, verbosity=0)
    assert lines(person) == [(Action.PASSWORD_SET, Source.COMMAND, None)]
    description = with_token(person).get(HISTORY).json()["results"][0]["description"]
    assert description == "System set your password"


def test_an_account_that_staff_delete_is_deleted_by_staff(staff: Client, operator: User) -> None:
    with wired(TELEMETRY_STORED_HERE="true"):
        person = someone_who_shares()
        assert staff.post(f"{PEOPLE}{person.pk}/delete/", {"post": "yes"}).status_code == 302
    assert lines(person)[-1] == (Action.ERASURE_REQUESTED, Source.ACCOUNT_DELETED, operator.pk)


def test_staff_can_make_no_choice_and_no_line_for_a_person(staff: Client) -> None:
    person = a_person()
    for path in ("/admin/privacy/preference/add/", "/admin/privacy/consentevent/add/"):
        assert staff.post(path, {"user": str(person.pk), "choice": "true", "action": "enabled"}).status_code == 403
    assert not Preference.objects.filter(pk=person.pk).exists() and lines(person) == []


def test_switching_a_person_off_is_recorded_as_the_staffs_act(staff: Client, operator: User) -> None:
    person = someone_who_shares()
    staff.post(PEOPLE, {"action": "switch_off", "_selected_action": [str(person.pk)]})
    assert lines(person)[-1] == (Action.DISABLED, Source.ADMIN, operator.pk)


@pytest.mark.parametrize("command", ["disable_telemetry", "erase_user_telemetry"])
def test_commands_can_switch_off_and_delete_and_say_that_it_was_a_command(command: str) -> None:
    person = someone_who_shares()
    with wired(TELEMETRY_STORED_HERE="true"):
        call_command(command, person.username, verbosity=0)
    assert lines(person)[-1][1:] == (Source.COMMAND, None)


def test_a_call_with_a_token_is_of_the_api_and_a_form_is_of_the_settings_page() -> None:
    person = a_person()
    with wired():
        with_token(person).put(ENABLE)
        signed_in(person).post("/settings/privacy/sharing/", {"sharing": "off"})
    assert [line[1] for line in lines(person)] == [Source.API, Source.SETTINGS_PAGE]
