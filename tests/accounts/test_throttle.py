"""Brakes on guessing: what counts as one attempt, one account and one address, and what cannot undo a count."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.models import F
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings

from accounts import throttle
from accounts.models import SignInCount, User
from tests.support.people import a_person

PASSWORD = "correct horse battery"
LOGIN = "/api/auth/login"


def sign_in(username: str, password: str, address: str = "192.0.2.1") -> int:
    fields = {"username": username, "password": password}
    return Client().post(LOGIN, fields, content_type="application/json", REMOTE_ADDR=address).status_code


@pytest.fixture
def person(db: None) -> User:
    return a_person(password=PASSWORD)


def an_hour_passes() -> None:
    SignInCount.objects.update(ends_at=F("ends_at") - timedelta(hours=1))


@override_settings(SIGN_IN_FAILURES_PER_ACCOUNT="3/hour")
def test_nobody_locks_a_person_out_from_elsewhere(person: User) -> None:
    assert [sign_in(person.username, "guess") for _ in range(4)] == [401, 401, 401, 429]
    assert sign_in(person.username, PASSWORD) == 429
    assert sign_in(person.username, PASSWORD, "198.51.100.7") == 200


@override_settings(SIGN_IN_FAILURES_PER_ACCOUNT="3/hour", SIGN_IN_FAILURES_PER_ADDRESS="1000/hour")
def test_wrong_sign_ins_with_invented_names_do_not_push_a_count_out(person: User) -> None:
    for _ in range(3):
        assert sign_in(person.username, "guess") == 401
    for number in range(100):
        assert sign_in(f"invented-{number}", "guess") == 401
    cache.clear()
    assert sign_in(person.username, PASSWORD) == 429


@override_settings(SIGN_IN_FAILURES_PER_ADDRESS="4/hour")
def test_an_ipv6_network_is_one_address(person: User) -> None:
    for number in range(4):
        assert sign_in(f"a-{number}", "guess", f"2001:db8:1:2:{number}::{number}") == 401
    assert sign_in(person.username, PASSWORD, "2001:db8:1:2:ffff::1") == 429
    assert sign_in(person.username, PASSWORD, "2001:db8:1:3::1") == 200


@pytest.mark.parametrize(
    ("written", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:443", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:C000:0201", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:443", "192.0.2.1"),
        ("::192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:1::", "2001:db8::/64"),
        ("[2001:db8::1]:443", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_an_address_is_the_same_however_it_is_written(written: str, network: str) -> None:
    assert throttle.network_of(written) == network


@override_settings(SIGN_IN_FAILURES_PER_ACCOUNT="3/hour")
def test_a_name_is_the_same_in_every_case_and_width(person: User) -> None:
    User.objects.filter(pk=person.pk).update(username="jane")
    for name in ("JANE", "Jane", "\uff4a\uff41\uff4e\uff45"):
        assert sign_in(name, "guess") == 401
    assert sign_in("jane", PASSWORD) == 429


@override_settings(SIGN_IN_FAILURES_PER_ACCOUNT="3/hour")
def test_a_window_begins_with_the_first_failure_and_is_not_made_longer_by_trying(person: User) -> None:
    assert [sign_in(person.username, "guess") for _ in range(20)] == [401] * 3 + [429] * 17
    an_hour_passes()
    assert sign_in(person.username, PASSWORD) == 200


@override_settings(SIGN_IN_FAILURES_PER_ADDRESS="3/hour", SIGN_IN_FAILURES_PER_ACCOUNT="1/hour")
def test_an_attempt_that_the_account_refuses_is_not_taken_from_the_address(person: User) -> None:
    assert [sign_in(person.username, "guess") for _ in range(10)] == [401] + [429] * 9
    assert sign_in(a_person(password=PASSWORD).username, PASSWORD) == 200


@override_settings(SIGN_IN_FAILURES_PER_ADDRESS="3/hour")
def test_a_sign_in_that_succeeds_takes_nothing_from_the_address(person: User) -> None:
    assert [sign_in(person.username, PASSWORD) for _ in range(10)] == [200] * 10


def test_counts_that_are_over_are_deleted_with_the_next_attempts(person: User) -> None:
    for number in range(20):
        sign_in(f"a-{number}", "guess")
    an_hour_passes()
    for number in range(5):
        sign_in(f"b-{number}", "guess")
    assert SignInCount.objects.count() == 5 + 1


def test_the_counts_hold_neither_names_nor_addresses(person: User) -> None:
    sign_in(person.username, "guess", "192.0.2.77")
    stored = str(list(SignInCount.objects.values()))
    assert "account-" in stored and "address-" in stored
    assert person.username not in stored and "192.0.2.77" not in stored


def test_without_the_counts_nobody_signs_in(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(throttle, "_run", refuse)
    with pytest.raises(DatabaseError):
        sign_in(person.username, PASSWORD)


def by_sync(request: HttpRequest | None, **credentials: str) -> Any:
    return authenticate(request, **credentials)


def by_async(request: HttpRequest | None, **credentials: str) -> Any:
    return async_to_sync(aauthenticate)(request, **credentials)


@pytest.mark.parametrize("road", [by_sync, by_async])
@pytest.mark.parametrize("with_request", [True, False])
@override_settings(SIGN_IN_FAILURES_PER_ACCOUNT="2/hour")
def test_other_views_are_braked_too(person: User, road: Callable[..., Any], with_request: bool) -> None:
    request = RequestFactory().post("/a-view-of-another-package/") if with_request else None
    for _ in range(2):
        assert road(request, username=person.username, password="guess") is None
    assert road(request, username=person.username, password=PASSWORD) is None
    an_hour_passes()
    assert road(request, username=person.username, password=PASSWORD) == person


@pytest.mark.django_db(transaction=True)
@override_settings(SIGN_IN_FAILURES_PER_ACCOUNT="3/hour")
def test_attempts_at_once_get_no_more_tries_than_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    username = a_person(password=PASSWORD).username
    looked_at: list[str] = []
    statuses: list[int] = []
    together = threading.Barrier(8)
    check_password = User.check_password

    def counted(user: User, password: str) -> bool:
        looked_at.append(password)
        return check_password(user, password)

    def attempt() -> None:
        together.wait(timeout=60)
        try:
            statuses.append(sign_in(username, "guess"))
        finally:
            connection.close()

    monkeypatch.setattr(User, "check_password", counted)
    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sorted(statuses) == [401] * 3 + [429] * 5
    assert len(looked_at) == 3
