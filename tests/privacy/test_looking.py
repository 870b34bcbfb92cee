"""A page counts as looked at when a browser put it before a person's eyes: for the notice, and for views."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings

from accounts.models import User
from privacy import choices
from privacy.consent import Reason
from privacy.gate import decision_for
from privacy.looking import is_looked_at
from privacy.middleware import BROWSER_SIGNAL, PrivacyMiddleware, _noted
from privacy.models import Action, ConsentEvent, Preference
from privacy.notices import forget_current_notice
from tests.support.people import a_person, signed_in, someone_who_shares
from tests.support.wire import wired

PAGE, SETTINGS, SEEN = "/settings/password/", "/settings/privacy/", "/settings/privacy/seen/"
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LOOKED_AT: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Accept": HTML},
    {"Sec-Fetch-Dest": "Document", "Sec-Fetch-Mode": "navigate", "Sec-Purpose": ""},
    {"Accept": HTML},
]
NOT_LOOKED_AT: list[dict[str, str]] = [
    {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"},
    {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "navigate", "Accept": HTML},
    {"Sec-Fetch-Mode": "same-origin", "Accept": HTML},
    *({"Sec-Fetch-Dest": each} for each in ("iframe", "frame", "embed", "object", "image", "script", "EMPTY")),
    *(
        {"Sec-Purpose": each, "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
        for each in (
            "prefetch",
            "prefetch;prerender",
            "PREFETCH;Prerender",
            "prerender;prefetch",
            " prefetch ; prerender",
        )
    ),
    {"Purpose": "prefetch"},
    {"X-Purpose": "preview"},
    {"X-Moz": "prefetch"},
    {"Accept": "*/*"},
    {"Accept": "application/json"},
    {"Accept": HTML, "X-Requested-With": "XMLHttpRequest"},
]


@pytest.fixture
def cloud(db: None) -> Iterator[None]:
    cache.clear()
    forget_current_notice()
    with wired(DEPLOYMENT_TYPE="cloud"):
        yield


@pytest.fixture
def person(cloud: None) -> User:
    return a_person()


def was_shown(person: User) -> bool:
    return decision_for(person.pk).reason is not Reason.NOTICE_NOT_SHOWN


@pytest.mark.parametrize("headers", LOOKED_AT, ids=str)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_document_that_a_browser_navigates_to_is_looked_at(method: str, headers: dict[str, str]) -> None:
    assert is_looked_at(RequestFactory(headers=headers).generic(method, PAGE))


@pytest.mark.parametrize("headers", NOT_LOOKED_AT, ids=str)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_a_script_or_a_browser_fetches_for_itself_is_not(method: str, headers: dict[str, str]) -> None:
    assert not is_looked_at(RequestFactory(headers=headers).generic(method, PAGE))


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT"])
def test_a_method_that_shows_no_page_is_not(method: str) -> None:
    assert not is_looked_at(RequestFactory().generic(method, PAGE))


@pytest.mark.parametrize("headers", NOT_LOOKED_AT, ids=str)
def test_the_notice_is_not_shown_by_what_is_not_looked_at(person: User, headers: dict[str, str]) -> None:
    browser = signed_in(person)
    assert 'data-notice="1"' in browser.get(PAGE, headers=headers).text
    browser.post(PAGE, {}, headers=headers)
    assert not was_shown(person)


def viewed(wire: Any) -> int:
    return sum(1 for each in wire.of("feature_usage") if each["feature.name"] == "privacy_settings")


@pytest.mark.parametrize("headers", [*LOOKED_AT, *NOT_LOOKED_AT], ids=str)
@pytest.mark.django_db
def test_a_view_of_the_privacy_page_is_recorded_if_it_is_looked_at(headers: dict[str, str]) -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        assert signed_in(person).get(SETTINGS, headers=headers).status_code == 200
        running.flush()
    assert viewed(wire) == int(headers in LOOKED_AT)


AHEAD = {"Sec-Purpose": "prefetch;prerender"}


@pytest.mark.django_db
def test_a_page_that_is_seen_later_says_so_and_is_recorded_then() -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        browser = signed_in(person)
        assert "privacy/seen.js" in browser.get(SETTINGS, headers=AHEAD).text
        assert "privacy/seen.js" not in browser.get(PAGE).text
        assert browser.post(SEEN, {"page": "privacy-settings"}, headers={"Sec-Fetch-Dest": "empty"}).status_code == 204
        assert browser.post(SEEN, {"page": "home"}).status_code == 204
        running.flush()
    assert viewed(wire) == 1


def test_a_notice_that_is_seen_later_counts_from_then(person: User) -> None:
    browser = signed_in(person)
    browser.get(PAGE, headers=AHEAD)
    assert not was_shown(person)
    assert browser.post(SEEN, {"page": "password-change", "version": "1"}).status_code == 204
    assert decision_for(person.pk).reason is Reason.CLOUD_DEFAULT
    browser.post(SEEN, {"page": "password-change", "version": "1"})
    assert ConsentEvent.objects.filter(user=person, action=Action.NOTICE_SHOWN).count() == 1


@pytest.mark.parametrize(("version", "status"), [("2", 204), ("0", 204), ("", 400), ("x", 400), ("1" * 30, 400)])
def test_a_notice_that_is_not_the_current_one_is_not_shown(person: User, version: str, status: int) -> None:
    assert signed_in(person).post(SEEN, {"version": version}).status_code == status
    assert not was_shown(person)


def test_a_notice_seen_later_by_a_browser_that_asks_not_to_be_tracked_switches_nothing_on(person: User) -> None:
    signed_in(person).post(SEEN, {"version": "1"}, headers={"Sec-GPC": "1"})
    assert decision_for(person.pk).reason is Reason.BROWSER_SIGNAL


def test_another_site_cannot_say_that_a_page_was_seen(person: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person)
    assert browser.post(SEEN, {"version": "1"}).status_code == 403
    assert browser.get(SEEN).status_code == 405
    assert not was_shown(person)


# --- The middleware by itself, in a server of threads and in one of coroutines ---

Answer = Callable[[HttpRequest], HttpResponse]
BANNER = '<section data-notice="1"></section>'


def through(answer: Any, request: HttpRequest, *, is_async: bool) -> Any:
    if not is_async:
        return PrivacyMiddleware(lambda _: answer)(request)

    async def get_response(_: HttpRequest) -> Any:
        return answer

    return async_to_sync(PrivacyMiddleware(get_response))(request)  # type: ignore[arg-type]


def asked(person: User, **headers: str) -> HttpRequest:
    """A request of `person` in whose answer a template rendered the notice."""
    request = RequestFactory(headers=headers).get(PAGE)
    request.user = person
    request.session = SessionStore()
    request.session["anything"] = 1
    request.privacy_notice_rendered = 1  # type: ignore[attr-defined]
    return request


@pytest.mark.django_db
@pytest.mark.parametrize("is_async", [False, True], ids=["threads", "coroutines"])
@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        (HttpResponse(BANNER), True),
        (HttpResponse(BANNER, status=500), False),
        (HttpResponse(BANNER, status=404), False),
        (HttpResponse(BANNER, status=201), False),
        (HttpResponse(BANNER, status=302, headers={"Location": "/"}), False),
        (HttpResponse("thrown away"), False),
        (HttpResponse('<section data-notice="2"></section>'), False),
        (HttpResponse(BANNER, content_type="application/json"), False),
        (StreamingHttpResponse([BANNER]), False),
    ],
    ids=["page", "500", "404", "201", "redirect", "no banner", "another notice", "no html", "stream"],
)
def test_the_notice_counts_only_on_a_page_that_has_it(answer: Any, counts: bool, is_async: bool) -> None:
    forget_current_notice()
    person = a_person()
    with wired(DEPLOYMENT_TYPE="cloud"):
        assert through(answer, asked(person), is_async=is_async) is answer
        assert was_shown(person) is counts


@pytest.mark.django_db
@pytest.mark.parametrize("is_async", [False, True], ids=["threads", "coroutines"])
def test_a_browser_signal_is_noted_and_the_session_remembers_it(is_async: bool) -> None:
    person, other = a_person(), a_person()
    with wired(DEPLOYMENT_TYPE="cloud"):
        request = asked(person, **{"Sec-GPC": "1"})
        through(HttpResponse(BANNER), request, is_async=is_async)
        assert request.session[BROWSER_SIGNAL] == str(person.pk)
        assert decision_for(person.pk).reason is Reason.BROWSER_SIGNAL
        # Without the process's memo, the session alone says that it is noted, and of whom.
        _noted.clear()
        Preference.objects.update(browser_signal_at=None)
        through(HttpResponse("no notice"), request, is_async=is_async)
        assert Preference.objects.get(pk=person.pk).browser_signal_at is None
        request.user = other
        through(HttpResponse("no notice"), request, is_async=is_async)
        assert Preference.objects.get(pk=other.pk).browser_signal_at is not None


@pytest.mark.django_db
@pytest.mark.parametrize("is_async", [False, True], ids=["threads", "coroutines"])
def test_without_a_signal_the_session_remembers_none(is_async: bool) -> None:
    person = a_person()
    with wired(DEPLOYMENT_TYPE="cloud"):
        request = asked(person)
        through(HttpResponse(BANNER), request, is_async=is_async)
        assert BROWSER_SIGNAL not in request.session
        assert decision_for(person.pk).reason is Reason.CLOUD_DEFAULT


@pytest.mark.django_db
def test_a_signal_of_a_program_is_noted_without_a_session_and_makes_none() -> None:
    without, empty = asked(a_person(), **{"Sec-GPC": "1"}), asked(a_person(), **{"Sec-GPC": "1"})
    del without.session, without.privacy_notice_rendered
    empty.session = SessionStore()
    with wired(DEPLOYMENT_TYPE="cloud"):
        for request in (without, empty):
            through(HttpResponse("no notice"), request, is_async=False)
            assert Preference.objects.get(pk=request.user.pk).browser_signal_at is not None
            assert not hasattr(request, "telemetry_refused"), "it could be written down"
    assert empty.session.is_empty()


@pytest.mark.django_db
def test_a_process_remembers_the_latest_signals_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_noted, "most", 2)
    _noted.clear()
    people = [a_person() for _ in range(3)]
    with wired(DEPLOYMENT_TYPE="cloud"):
        for person in people:
            through(HttpResponse("no notice"), asked(person, **{"Sec-GPC": "1"}), is_async=False)
    assert list(_noted) == [person.pk for person in people[1:]]


@pytest.mark.parametrize("is_async", [False, True], ids=["threads", "coroutines"])
def test_neither_kind_of_server_has_to_adapt_it(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """An adapted middleware costs a change of threads in every request; Django logs it while debugging."""
    here = ["privacy.middleware.PrivacyMiddleware"]
    with override_settings(DEBUG=True, MIDDLEWARE=here), caplog.at_level(logging.DEBUG, "django.request"):
        BaseHandler().load_middleware(is_async=is_async)
    assert caplog.messages == []


@pytest.mark.django_db
def test_under_asgi_a_page_counts_and_a_signal_too() -> None:
    forget_current_notice()
    shown, asks = a_person(), a_person()
    with wired(DEPLOYMENT_TYPE="cloud"):

        async def visit(person: User, **headers: str) -> None:
            browser = AsyncClient()
            await browser.aforce_login(person)
            assert (await browser.get(PAGE, headers=headers)).status_code == 200

        async_to_sync(visit)(shown)
        async_to_sync(visit)(asks, **{"Sec-GPC": "1"})
        assert decision_for(shown.pk).reason is Reason.CLOUD_DEFAULT
        assert decision_for(asks.pk).reason is Reason.BROWSER_SIGNAL


@pytest.mark.django_db
def test_where_a_notice_cannot_be_noted_the_request_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(choices, "note_notice_shown", breaks)
    with wired(DEPLOYMENT_TYPE="cloud"):
        request = asked(a_person())
        through(HttpResponse(BANNER), request, is_async=False)
    assert request.telemetry_refused is True  # type: ignore[attr-defined]
