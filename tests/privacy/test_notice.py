"""When a notice counts as shown: when it was on a page that a person could read, and never otherwise."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from privacy import choices
from privacy.consent import Reason
from privacy.gate import decision_for
from privacy.models import Action, ConsentEvent, Preference, Source
from privacy.notices import forget_current_notice
from tests.support.people import a_person, signed_in
from tests.support.wire import wired

pytestmark = pytest.mark.django_db
PAGE = "/settings/password/"
BANNER = 'data-notice="1"'


@pytest.fixture(autouse=True)
def _cloud() -> Iterator[None]:
    cache.clear()
    forget_current_notice()
    with wired(DEPLOYMENT_TYPE="cloud"):
        yield


@pytest.fixture
def person() -> User:
    return a_person()


@pytest.fixture
def browser(person: User) -> Client:
    return signed_in(person)


def was_shown(person: User) -> bool:
    return decision_for(person.pk).reason is not Reason.NOTICE_NOT_SHOWN


def test_a_page_with_the_banner_counts(person: User, browser: Client) -> None:
    assert BANNER in browser.get(PAGE).text
    assert decision_for(person.pk).reason is Reason.CLOUD_DEFAULT


def test_a_head_request_shows_nobody_anything(person: User, browser: Client) -> None:
    assert browser.head(PAGE).status_code == 200
    assert not was_shown(person)


def test_a_page_fetched_ahead_may_never_be_looked_at(person: User, browser: Client) -> None:
    assert BANNER in browser.get(PAGE, headers={"Sec-Purpose": "prefetch;prerender"}).text
    assert not was_shown(person)


@pytest.mark.parametrize("path", ["/api/users/telemetry/status", "/healthz", "/no/such/page/", "/admin/"])
def test_an_answer_without_the_banner_does_not_count(person: User, browser: Client, path: str) -> None:
    assert BANNER not in browser.get(path).text
    assert not was_shown(person)


def test_a_form_sent_back_with_errors_is_a_page_like_any_other(person: User, browser: Client) -> None:
    assert BANNER in browser.post(PAGE, {}).text
    assert was_shown(person)


def test_one_browsers_session_says_nothing_of_another_person(person: User, browser: Client) -> None:
    browser.get(PAGE)
    other = a_person()
    browser.logout()
    browser.force_login(other)
    assert BANNER in browser.get(PAGE).text
    assert was_shown(other)


def test_got_it_puts_it_away_in_every_browser_and_costs_no_query_from_then_on(person: User, browser: Client) -> None:
    other_browser = signed_in(person)
    browser.get(PAGE)
    other_browser.get(PAGE)
    assert browser.post("/settings/privacy/notice/", {"version": "1"}).status_code == 302
    assert BANNER not in browser.get(PAGE).text
    assert BANNER not in other_browser.get(PAGE).text
    for each in (browser, other_browser):
        with CaptureQueriesContext(connection) as queries:
            each.get(PAGE)
        assert not any("privacy_" in query["sql"] for query in queries), queries.captured_queries


def test_got_it_under_an_old_notice_does_not_dismiss_a_newer_one(person: User, browser: Client) -> None:
    browser.get(PAGE)
    choices.publish_notice(title="A newer one", body="More", actor_id=None)
    forget_current_notice()
    browser.post("/settings/privacy/notice/", {"version": "1"})
    assert 'data-notice="2"' in browser.get(PAGE).text


@pytest.mark.parametrize("version", ["", "abc", "-1", "1" * 40, "\u0661"])
def test_a_version_that_is_none_is_refused(browser: Client, version: str) -> None:
    assert browser.post("/settings/privacy/notice/", {"version": version}).status_code == 400


def test_a_version_never_shown_is_not_dismissed(person: User, browser: Client) -> None:
    browser.post("/settings/privacy/notice/", {"version": "1"})
    assert Preference.objects.get(pk=person.pk).dismissed_version == 0
    assert not was_shown(person)


def test_the_notice_appears_again_when_sharing_becomes_on_by_default(person: User, browser: Client) -> None:
    with override_settings(DEPLOYMENT_TYPE="self_hosted"):
        assert BANNER in browser.get(PAGE).text
        browser.post("/settings/privacy/notice/", {"version": "1"})
        assert BANNER not in browser.get(PAGE).text
        assert decision_for(person.pk).reason is Reason.SELF_HOSTED_DEFAULT
    assert decision_for(person.pk).reason is Reason.NOTICE_NOT_SHOWN
    assert BANNER in browser.get(PAGE).text
    assert decision_for(person.pk).reason is Reason.CLOUD_DEFAULT


def test_no_notice_where_telemetry_is_off_for_everyone(person: User, browser: Client) -> None:
    with override_settings(DO_NOT_TRACK="1"):
        assert BANNER not in browser.get(PAGE).text


def test_a_browser_signal_is_noted_once_and_holds(person: User, browser: Client) -> None:
    browser.get(PAGE, headers={"Sec-GPC": "1"})
    assert decision_for(person.pk).reason is Reason.BROWSER_SIGNAL
    browser.get(PAGE)
    assert decision_for(person.pk).reason is Reason.BROWSER_SIGNAL
    with CaptureQueriesContext(connection) as queries:
        browser.get("/healthz", headers={"Sec-GPC": "1"})
    assert len(queries) == 0


def test_where_a_signal_cannot_be_written_the_request_is_not_recorded(
    person: User, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(choices, "note_browser_signal", breaks)
    response = browser.get("/settings/privacy/", headers={"Sec-GPC": "1"})
    assert response.status_code == 200
    assert response.wsgi_request.telemetry_refused is True  # type: ignore[attr-defined]


DISMISS = "/settings/privacy/notice/"


def last_choice(person: User) -> "tuple[str, str, int | None]":
    """What, from where and under which notice."""
    event = ConsentEvent.objects.filter(user=person, actor=person).order_by("-recorded_at")[0]
    return event.action, event.source, event.notice_version


def test_in_the_cloud_the_notice_says_that_it_is_on_and_asks(person: User, browser: Client) -> None:
    page = browser.get(PAGE).text
    assert "This is on now." in page and "Switch off" in page and "Keep on" in page
    assert decision_for(person.pk).enabled, "and so it is"


@pytest.mark.parametrize(("sharing", "action"), [("on", Action.ENABLED), ("off", Action.DISABLED)])
def test_the_answer_is_a_choice_from_the_notice_and_puts_it_away(
    person: User, browser: Client, sharing: str, action: Action
) -> None:
    browser.get(PAGE)
    since = decision_for(person.pk).since
    answer = browser.post(DISMISS, {"version": "1", "sharing": sharing, "next": PAGE})
    assert answer.headers["Location"] == PAGE
    assert last_choice(person) == (action, Source.NOTICE, 1)
    decision = decision_for(person.pk)
    assert (decision.enabled, decision.reason) == (sharing == "on", Reason.CHOICE)
    assert decision.since == (since if sharing == "on" else None), "keeping it on interrupts nothing"
    page = browser.get(PAGE).text
    assert BANNER not in page
    assert ("Thank you for helping" if sharing == "on" else "Telemetry has been disabled.") in page


def test_a_browser_with_do_not_track_sees_that_sharing_is_off(person: User, browser: Client) -> None:
    page = browser.get(PAGE, headers={"Sec-GPC": "1"}).text
    assert "This is off now." in page and "Keep off" in page and "Switch on" in page
    assert "Your browser asks sites not to track you" in browser.get(PAGE).text


def test_self_hosted_the_notice_says_that_it_is_off_and_asks(person: User, browser: Client) -> None:
    with override_settings(DEPLOYMENT_TYPE="self_hosted"):
        page = browser.get(PAGE).text
        assert "This is off now." in page and "Keep off" in page and "Switch on" in page
        browser.post(DISMISS, {"version": "1", "sharing": "on"})
        assert last_choice(person)[:2] == (Action.ENABLED, Source.NOTICE)
        assert decision_for(person.pk).enabled


@pytest.mark.parametrize("chosen", [True, False])
def test_a_new_notice_says_what_the_person_has_chosen_and_changes_nothing(
    person: User, browser: Client, chosen: bool
) -> None:
    choices.choose(person.pk, enabled=chosen, source=Source.API, actor_id=person.pk)
    page = browser.get(PAGE).text
    assert ("This is on now." if chosen else "This is off now.") in page
    browser.post(DISMISS, {"version": "1", "sharing": "on" if chosen else "off"})
    assert last_choice(person)[1] == Source.API, "the choice was made before"
    assert BANNER not in browser.get(PAGE).text


def test_under_the_operators_lock_there_is_nothing_to_ask(person: User, browser: Client) -> None:
    choices.set_lock(locked=True, source=Source.ADMIN, actor_id=None)
    assert BANNER not in browser.get(PAGE).text
    choices.set_lock(locked=False, source=Source.ADMIN, actor_id=None)
    assert not was_shown(person)
    assert BANNER in browser.get(PAGE).text


def test_an_answer_that_is_none_is_refused_and_changes_nothing(person: User, browser: Client) -> None:
    browser.get(PAGE)
    assert browser.post(DISMISS, {"version": "1", "sharing": "perhaps"}).status_code == 400
    assert BANNER in browser.get(PAGE).text


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_the_answer_leads_to_no_strangers_site(browser: Client, elsewhere: str) -> None:
    assert browser.post(DISMISS, {"version": "1", "next": elsewhere}).headers["Location"] == "/"
