"""A new password, or a deactivated account, ends every session and every token, by whatever road."""

from collections.abc import Callable

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from tests.support.people import a_person, signed_in, with_token

pytestmark = pytest.mark.django_db
PASSWORD, NEW = "correct horse battery", "another good horse"
STATUS = "/api/users/telemetry/status"


@pytest.fixture(autouse=True)
def _no_failures_yet() -> None:
    cache.clear()


@pytest.fixture
def person() -> User:
    return a_person(password=PASSWORD)


def by_the_person(person: User) -> None:
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    page = signed_in(User.objects.get(pk=person.pk)).post("/settings/password/", fields, follow=True)
    assert "Every other browser was signed out" in page.text


def by_staff(person: User) -> None:
    fields = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    staff = signed_in(a_person(is_staff=True, is_superuser=True))
    assert staff.post(f"/admin/accounts/user/{person.pk}/password/", fields).status_code == 302


def by_staff_who_disable_it(person: User) -> None:
    fields = {"usable_password": "false"}
    staff = signed_in(a_person(is_staff=True, is_superuser=True))
    staff.post(f"/admin/accounts/user/{person.pk}/password/", {**fields, "unset-password": ""})


def by_the_model(person: User) -> None:
    other_instance = User.objects.get(pk=person.pk)
    other_instance.set_password(NEW)
    other_instance.save()


def by_a_query(person: User) -> None:
    User.objects.filter(pk=person.pk).update(password="!")


ROADS = [by_the_person, by_staff, by_staff_who_disable_it, by_the_model, by_a_query]


@pytest.mark.parametrize("change", ROADS)
def test_a_new_password_ends_every_session_and_token(person: User, change: Callable[[User], None]) -> None:
    other = a_person()
    browser, program, others_program = signed_in(person), with_token(person), with_token(other)
    assert browser.get(STATUS).status_code == program.get(STATUS).status_code == 200
    change(person)
    assert browser.get(STATUS).status_code == program.get(STATUS).status_code == 401
    assert others_program.get(STATUS).status_code == 200


def test_a_deactivation_ends_them_for_good(person: User) -> None:
    browser, program = signed_in(person), with_token(person)
    for is_active in (False, True):
        User.objects.filter(pk=person.pk).update(is_active=is_active)
        assert browser.get(STATUS).status_code == program.get(STATUS).status_code == 401
    assert signed_in(User.objects.get(pk=person.pk)).get(STATUS).status_code == 200


def test_an_instance_read_before_does_not_bring_a_session_back(person: User) -> None:
    stale, browser = User.objects.get(pk=person.pk), signed_in(person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    stale.is_active = True
    stale.save()
    assert browser.get(STATUS).status_code == 401


def test_a_password_changed_while_somebody_signs_in_leaves_no_token(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def and_then_changed(*args: object, **credentials: str) -> object:
        found = authenticate(*args, **credentials)  # type: ignore[arg-type]
        by_the_model(person)
        return found

    monkeypatch.setattr("accounts.api.authenticate", and_then_changed)
    fields = {"username": person.username, "password": PASSWORD}
    assert Client().post("/api/auth/login", fields, content_type="application/json").status_code == 401
    assert not person.auth_token_set.exists()


def test_a_sign_in_that_stores_the_password_under_a_newer_hash_ends_nothing(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or with each new version of Django, which raises the work of its hash, every program would stop."""
    browser, program, new_browser = signed_in(person), with_token(person), Client()
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.must_update", lambda *_: True)
            before = User.objects.get(pk=person.pk).password
            assert new_browser.login(username=person.username, password=PASSWORD)
            assert User.objects.get(pk=person.pk).password != before
        assert {each.get(STATUS).status_code for each in (browser, program, new_browser)} == {200}
    kept = User.objects.values_list("rehashed_from", "rehashed_to").get(pk=person.pk)
    assert not any("$" in each for each in kept), "no hash of a password is stored twice"
    by_the_model(person)
    assert {each.get(STATUS).status_code for each in (browser, program, new_browser)} == {401}


def test_a_password_stored_as_a_hash_ends_every_session_and_token(person: User) -> None:
    browser, program = signed_in(person), with_token(person)
    person.password = make_password(NEW)
    person.save()
    assert browser.get(STATUS).status_code == program.get(STATUS).status_code == 401


def test_other_changes_of_an_account_end_nothing(person: User) -> None:
    browser, program = signed_in(person), with_token(person)
    person.first_name = "Jane"
    person.save()
    assert browser.get(STATUS).status_code == program.get(STATUS).status_code == 200
