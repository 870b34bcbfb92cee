"""Settings -> Privacy as it is served, without a script."""

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.test import Client, override_settings

from accounts.models import User
from analytics.erasure.requests import carry_out_pending
from analytics.models import FeatureUsage, UserActivity
from privacy import choices, telemetry
from privacy.gate import decision_for
from privacy.models import Action, ConsentEvent, Source
from privacy.reach import telemetrys_database
from tests.privacy.test_api import store_rows
from tests.support.people import a_person, signed_in
from tests.support.wire import wired

pytestmark = pytest.mark.django_db
PAGE, SHARING, DELETE = "/settings/privacy/", "/settings/privacy/sharing/", "/settings/privacy/delete/"


@pytest.fixture(autouse=True)
def _telemetry_on() -> Iterator[None]:
    cache.clear()
    with wired(TELEMETRY_STORED_HERE="true"):
        yield


@pytest.fixture
def person() -> User:
    return a_person()


@pytest.fixture
def browser(person: User) -> Client:
    return signed_in(person)


class _Attributes(HTMLParser):
    """Every element's attributes, by its id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.by_id: dict[str, dict[str, str | None]] = {}
        self.switch: dict[str, str | None] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if name := attributes.get("id"):
            self.by_id[name] = attributes
        if attributes.get("role") == "switch":
            self.switch = attributes


def test_strangers_are_sent_to_sign_in() -> None:
    for path in (PAGE, DELETE, "/settings/privacy/download/"):
        assert Client().get(path).headers["Location"] == f"/sign-in/?next={path}"
    for path in (SHARING, "/settings/privacy/notice/", DELETE):
        assert Client().post(path).headers["Location"].startswith("/sign-in/")


def test_the_toggle_by_plain_forms(browser: Client, person: User) -> None:
    assert _Attributes(browser.get(PAGE).text).switch["aria-checked"] == "false"
    page = browser.post(SHARING, {"sharing": "on"}, follow=True).text
    assert "Thank you for helping improve Rhesis!" in page and "On. You switched this on on" in page
    assert _Attributes(page).switch["aria-checked"] == "true"
    page = browser.post(SHARING, {"sharing": "off"}, follow=True).text
    assert "Telemetry has been disabled." in page and "Off. Switched off on" in page
    sources = ConsentEvent.objects.filter(user_id=person.pk).values_list("source", flat=True)
    assert sorted(sources) == [Source.NOTICE, Source.SETTINGS_PAGE, Source.SETTINGS_PAGE]


def test_the_toggle_shows_the_wish_and_beside_it_why_it_has_no_effect(browser: Client) -> None:
    choices.set_lock(locked=True, source=Source.ADMIN, actor_id=None)
    page = browser.post(SHARING, {"sharing": "on"}, follow=True).text
    assert _Attributes(page).switch["aria-checked"] == "true"
    assert "Saved, but nothing is sent. The operator of this site has switched usage sharing off" in page
    assert "Off. " not in page, "beside a switch that is on"
    page = browser.post(SHARING, {"sharing": "off"}, follow=True).text
    assert _Attributes(page).switch["aria-checked"] == "false"
    assert "Off. The operator of this site has switched usage sharing off" in page


@pytest.mark.parametrize("word", ["", "maybe", "ON"])
def test_a_toggle_to_nowhere_is_refused(browser: Client, word: str) -> None:
    assert browser.post(SHARING, {"sharing": word}).status_code == 400
    assert browser.get(SHARING).status_code == 405


def test_forms_need_the_csrf_token(person: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person)
    for path in (SHARING, DELETE, "/settings/privacy/notice/"):
        assert browser.post(path, {"sharing": "on"}).status_code == 403
    assert not decision_for(person.pk).enabled


def test_the_page_is_kept_by_no_cache_and_runs_nothing_of_strangers(browser: Client) -> None:
    answer = browser.get(PAGE)
    assert "no-store" in answer.headers["Cache-Control"]
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<script>" not in answer.text and "style=" not in answer.text and "onclick" not in answer.text


def test_what_is_collected_comes_from_the_catalogue(browser: Client) -> None:
    page = browser.get(PAGE).text
    for name in ("test_run", "page_view", "login", "session_start"):
        assert f"<code>{name}</code>" in page


def test_deletion_is_offered_when_switched_off_and_something_is_stored(browser: Client, person: User) -> None:
    assert "offer-deletion" not in _Attributes(browser.get(PAGE).text).by_id
    store_rows(person)
    offer = _Attributes(browser.get(PAGE).text).by_id["offer-deletion"]
    assert "hidden" not in offer
    browser.post(SHARING, {"sharing": "on"})
    assert "hidden" in _Attributes(browser.get(PAGE).text).by_id["offer-deletion"]


def test_deletion_is_offered_where_rows_live_elsewhere_and_the_page_says_so(browser: Client) -> None:
    with override_settings(TELEMETRY_STORED_HERE="false"):
        page = browser.get(PAGE).text
        assert "offer-deletion" in _Attributes(page).by_id
        assert "stored by the makers of Rhesis" in page
        assert "sent to the server that stores the data" in browser.get(DELETE).text


def test_deleting_and_switching_off_in_one_go(browser: Client, person: User) -> None:
    store_rows(person)
    browser.post(SHARING, {"sharing": "on"})
    assert "3 records of your use" in browser.get(DELETE).text
    page = browser.post(DELETE, {"also_switch_off": "on"}, follow=True).text
    assert "3 records deleted." in page and "Nothing is stored about you." in page
    assert not decision_for(person.pk).enabled
    actions = ConsentEvent.objects.filter(user_id=person.pk).values_list("action", flat=True)
    assert set(actions) >= {Action.ENABLED, Action.DISABLED, Action.ERASURE_REQUESTED}
    assert UserActivity.objects.count() == 0


def breaks(*_: object, **__: object) -> None:
    raise DatabaseError


def test_a_deletion_that_the_rows_database_cannot_take_is_noted_and_shown(
    browser: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_rows(person)
    monkeypatch.setattr("analytics.erasure.here.erase", breaks)
    page = browser.post(DELETE, follow=True).text
    assert "Noted. Your data will be deleted" in page
    telemetrys_database.close()
    assert "as soon as the database that holds it can be used again" in browser.get(PAGE).text
    assert UserActivity.objects.count() == 1
    monkeypatch.undo()
    assert carry_out_pending() == (1, 0)
    assert UserActivity.objects.count() == 0
    assert "3 records deleted." in browser.get(PAGE).text


def test_a_deletion_that_cannot_be_recorded_shows_an_error_and_deletes_nothing(
    browser: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_rows(person)
    monkeypatch.setattr("privacy.choices.database_now", breaks)
    answer = browser.post(DELETE)
    assert answer.status_code == 503 and "Nothing was changed" in answer.text
    assert not ConsentEvent.objects.filter(action=Action.ERASURE_REQUESTED).exists()
    assert UserActivity.objects.count() == 1


@pytest.mark.parametrize("broken", ["rows", "stored", "receipts"])
def test_the_switch_works_whatever_the_rows_database_does(
    broken: str, browser: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_rows(person)
    monkeypatch.setattr(f"analytics.person.PersonalTelemetry.{broken}", breaks)
    for wanted, state in (("on", "true"), ("off", "false")):
        page = browser.post(SHARING, {"sharing": wanted}, follow=True).text
        assert _Attributes(page).switch["aria-checked"] == state
        assert "are not available at the moment" in page and "Nothing is stored about you" not in page
        assert decision_for(person.pk).enabled is (wanted == "on")
    assert "offer-deletion" in _Attributes(page).by_id
    assert "Your request will be noted" in browser.get(DELETE).text
    download = browser.get("/settings/privacy/download/")
    assert (download.status_code, "are not available" in download.text) == (503, True)


def test_where_nothing_is_collected_the_pages_work_and_there_is_nothing_to_delete(
    browser: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a project that has consent and no analytics."""
    monkeypatch.setattr(telemetry, "_current", telemetry.Telemetry())
    assert browser.get(PAGE).status_code == 200
    for answer in (browser.get(DELETE), browser.post(DELETE, {"also_switch_off": "on"})):
        assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    assert not ConsentEvent.objects.filter(action=Action.ERASURE_REQUESTED).exists()
    assert browser.post("/settings/privacy/seen/", {"page": "privacy-settings"}).status_code == 204
    download = browser.get("/settings/privacy/download/")
    assert (download.status_code, download.getvalue()) == (200, b"")  # type: ignore[attr-defined]


def test_the_pages_form_is_braked_like_the_api(browser: Client) -> None:
    answers = [browser.post(DELETE).status_code for _ in range(21)]
    assert answers == [302] * 20 + [429]


def test_stored_rows_and_history_come_in_pages(browser: Client, person: User) -> None:
    for _ in range(4):
        store_rows(person)
    for number in range(12):
        choices.choose(person.pk, enabled=number % 2 == 0, source=Source.API, actor_id=person.pk)
    page = browser.get(PAGE).text
    assert page.count("Page 1 of 2") == 1 and "Newest" not in page
    older = re.search(r'href="([^"]*)#stored">Older<', page)
    assert older
    last = browser.get(f"{PAGE}{html.unescape(older[1])}").text
    assert "Newest" in last and '#stored">Older' not in last
    assert (page.count("<summary><time"), last.count("<summary><time")) == (10, 2)
    for nonsense in ("0", "-3", "99", "x", "%00"):
        assert browser.get(f"{PAGE}?rows={nonsense}&history={nonsense}").status_code == 200


def test_stored_rows_are_sentences_by_day_with_the_row_behind_each(browser: Client, person: User) -> None:
    store_rows(person)
    stored = browser.get(PAGE).text.partition('id="stored"')[2].partition('id="history"')[0]
    for sentence in ("Signed in", "Page answered in 1.5\xa0ms", "Ran a test run"):
        assert sentence in stored
    assert "&quot;event_type&quot;: &quot;login&quot;" in stored
    days = {row.timestamp.date() for row in (*UserActivity.objects.all(), *FeatureUsage.objects.all())}
    assert all(f'<h3><time datetime="{day}">' in stored for day in days)


def test_the_preview_is_sentences_first(browser: Client) -> None:
    preview = browser.get(PAGE).text.partition("Exactly what is sent")[2].partition("Show the data")[0]
    assert "sends 2 records" in preview
    assert "Page answered in 12\xa0ms" in preview and "Opened Settings → Privacy" in preview


def test_what_a_person_is_called_is_written_as_text(browser: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(first_name="<script>alert(1)</script>")
    assert "<script>alert" not in browser.get(PAGE).text
