"""Signing in and out: pages and API, and the brakes on guessing that they share."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from knox.models import AuthToken

from accounts.models import User
from tests.support.people import a_person, signed_in, with_token

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
LOGIN, LOGOUT = "/api/auth/login", "/api/auth/logout"


@pytest.fixture(autouse=True)
def _no_failures_yet() -> None:
    cache.clear()


@pytest.fixture
def person() -> User:
    return a_person(password=PASSWORD)


def api_login(username: str, password: str, **extra: str) -> "tuple[int, dict[str, str]]":
    answer = Client().post(
        LOGIN, {"username": username, "password": password}, content_type="application/json", **extra
    )
    return answer.status_code, answer.json()


def test_a_token_opens_the_api_until_it_is_revoked(person: User) -> None:
    status, body = api_login(person.username, PASSWORD)
    assert status == 200 and set(body) == {"session_token", "expires_at"}
    expires_at = parse_datetime(body["expires_at"])
    assert expires_at is not None and timedelta(hours=9) < expires_at - timezone.now() < timedelta(hours=11)
    assert body["session_token"] not in str(AuthToken.objects.values_list()), "the token is stored as a hash only"
    client = Client(headers={"Authorization": f"Bearer {body['session_token']}"})
    assert client.get("/api/users/telemetry/status").json()["user_id"] == str(person.pk)
    assert client.post(LOGOUT).status_code == 204
    assert client.get("/api/users/telemetry/status").status_code == 401
    assert client.post(LOGOUT).status_code == 401


def test_one_token_is_revoked_and_the_persons_others_stay(person: User) -> None:
    first, second = with_token(person), with_token(person)
    first.post(LOGOUT)
    assert second.get("/api/users/telemetry/status").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        ("{", 400, "detail"),
        ("[]", 400, "non_field_errors"),
        ('{"username": "x"}', 400, "password"),
        ('{"username": "", "password": "x"}', 400, "username"),
        ('{"username": ["a"], "password": "x"}', 400, "username"),
        ('{"username": "a\\u0000b", "password": "x"}', 400, "username"),
        ('{"username": "nobody", "password": "x"}', 401, "detail"),
        ('{"username": "nobody", "password": "a\\u0000b"}', 400, "password"),
    ],
)
def test_what_a_program_sends_wrongly_is_named(body: str, status: int, names: str) -> None:
    answer = Client().post(LOGIN, body, content_type="application/json")
    assert answer.status_code == status and names in answer.json()


def test_other_methods_are_405() -> None:
    assert Client().get(LOGIN).status_code == 405
    assert with_token(a_person()).get(LOGOUT).status_code == 405


def test_an_account_that_is_switched_off_is_not_let_in(person: User) -> None:
    client = with_token(person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert api_login(person.username, PASSWORD)[0] == 401
    assert client.get("/api/users/telemetry/status").status_code == 401


def test_the_pages(person: User) -> None:
    browser = Client()
    assert browser.get("/").headers["Location"] == "/sign-in/?next=/"
    wrong = browser.post("/sign-in/", {"username": person.username, "password": "wrong"})
    assert wrong.status_code == 200 and "correct username and password" in wrong.text
    right = browser.post("/sign-in/?next=/settings/privacy/", {"username": person.username, "password": PASSWORD})
    assert right.headers["Location"] == "/settings/privacy/"
    assert browser.get("/").status_code == 200
    assert browser.get("/sign-out/").status_code == 405
    assert browser.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert browser.get("/").status_code == 302


def test_nobody_is_sent_to_a_strangers_site_after_signing_in(person: User) -> None:
    answer = Client().post("/sign-in/?next=https://evil.example/", {"username": person.username, "password": PASSWORD})
    assert answer.headers["Location"] == "/"


def test_a_password_is_changed_with_the_old_one(person: User) -> None:
    browser = signed_in(person)
    new = "another good horse"

    def change(old: str) -> int:
        fields = {"old_password": old, "new_password1": new, "new_password2": new}
        return browser.post("/settings/password/", fields).status_code

    assert change("wrong") == 200 and not User.objects.get(pk=person.pk).check_password(new)
    assert change(PASSWORD) == 302 and User.objects.get(pk=person.pk).check_password(new)
    assert browser.get("/").status_code == 200, "this browser stays signed in"


@override_settings(SIGN_IN_FAILURES_PER_ACCOUNT="3/hour")
def test_after_too_many_failures_the_right_password_is_refused_on_every_form(person: User) -> None:
    for _ in range(3):
        assert api_login(person.username, "guess")[0] == 401
    status, body = api_login(person.username, PASSWORD)
    assert status == 429 and "Too many failed attempts" in body["detail"]
    form = {"username": person.username.upper(), "password": PASSWORD}
    page = Client().post("/sign-in/", form)
    assert page.status_code == 429 and "Too many failed attempts" in page.text
    assert 0 < int(page.headers["Retry-After"]) <= 3600
    admin = Client().post("/admin/login/", form)
    assert "Too many failed attempts" in admin.text
    assert api_login(a_person(password=PASSWORD).username, PASSWORD)[0] == 200, "others are let in"


@override_settings(SIGN_IN_FAILURES_PER_ACCOUNT="3/hour")
def test_the_right_password_in_time_clears_ones_own_slips(person: User) -> None:
    for _ in range(3):
        assert [api_login(person.username, word)[0] for word in ("slip", "slip", PASSWORD)] == [401, 401, 200]


@override_settings(SIGN_IN_FAILURES_PER_ADDRESS="2/hour")
def test_an_address_that_tries_many_accounts_is_braked_and_others_are_not(person: User) -> None:
    for name in ("a", "b"):
        assert api_login(name, "guess", REMOTE_ADDR="192.0.2.1")[0] == 401
    assert api_login(person.username, PASSWORD, REMOTE_ADDR="192.0.2.1")[0] == 429
    assert api_login(person.username, PASSWORD, REMOTE_ADDR="192.0.2.2")[0] == 200


@override_settings(SIGN_IN_FAILURES_PER_ADDRESS="2/hour")
def test_a_client_cannot_choose_its_address_by_a_header(person: User) -> None:
    for number in range(2):
        api_login("a", "guess", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
    assert api_login(person.username, PASSWORD, REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="198.51.100.9")[0] == 429


@override_settings(SIGN_IN_FAILURES_PER_ADDRESS="2/hour", BEHIND_PROXY=True)
def test_behind_a_proxy_its_word_counts_and_not_the_clients(person: User) -> None:
    for number in range(2):
        api_login("a", "guess", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}, 192.0.2.1")
    assert api_login(person.username, PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.1, 192.0.2.1")[0] == 429
    assert api_login(person.username, PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.1, 192.0.2.2")[0] == 200


def test_people_who_are_not_staff_are_not_let_into_the_admin(person: User) -> None:
    answer = Client().post("/admin/login/", {"username": person.username, "password": PASSWORD})
    assert answer.status_code == 200 and "Please enter" in answer.text
