"""The cookie by which tabs of other origins hear that the person has decided."""

from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from pytest_django import Settings

from accounts.models import User
from privacy.choice_cookie import NAME
from tests.support.people import a_person, signed_in, with_token
from tests.support.wire import wired

ENABLE = "/api/users/telemetry/enable"


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _telemetry_on() -> Iterator[None]:
    with wired(TELEMETRY_STORED_HERE="true"):
        yield


@pytest.fixture
def person() -> User:
    return a_person()


def test_it_changes_with_every_decision_and_with_nothing_else(person: User) -> None:
    browser = signed_in(person)
    browser.get("/")  # the notice is shown, which may begin consent
    assert NAME not in browser.get("/").cookies

    first = browser.put(ENABLE).cookies[NAME].value
    assert NAME not in browser.put(ENABLE).cookies, "nothing has changed"
    second = browser.post("/settings/privacy/sharing/", {"sharing": "off"}).cookies[NAME].value

    assert first != second
    assert {first, second} == {"0", "1"}, "it could name somebody"


def test_it_reaches_as_far_as_the_session_s_own_and_scripts_may_read_it(person: User, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_DOMAIN = ".example.org"
    cookie = signed_in(person).put(ENABLE).cookies[NAME]

    assert (cookie["domain"], cookie["secure"], cookie["httponly"]) == (".example.org", True, "")


def test_a_program_without_a_session_gets_none(person: User) -> None:
    answer = with_token(person).put(ENABLE)

    assert (answer.status_code, NAME in answer.cookies) == (200, False)


def test_under_asgi_it_is_set_as_well(person: User) -> None:
    browser = AsyncClient()
    async_to_sync(browser.aforce_login)(person)

    assert NAME in async_to_sync(browser.put)(ENABLE).cookies
