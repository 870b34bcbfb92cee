"""The shipped example for Next.js beside the site: consent, the note's calls, rows, withdrawal, silence."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page

from tests.browser.conftest import Person
from tests.browser.front_ends import NEXT, started
from tests.browser.looks import picture, problems

# The first of them may have to install Next.js.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
ENABLED = "() => globalThis[Symbol.for('rhesis.telemetry.2')].running !== null"


@pytest.fixture(scope="module")
def example(running: tuple[object, object], next_example: Path) -> Iterator[str]:
    with started(NEXT, next_example, running[0].url) as url:  # type: ignore[attr-defined]
        yield url


def sign_in(person: Person, example: str) -> Page:
    """By the example alone, as somebody would who never sees the site's own address."""
    page = person.context.new_page()
    page.goto(f"{example}/privacy")
    page.get_by_role("link", name="Sign in").click()
    credentials = person.product.people[False]
    page.fill("input[name=username]", credentials["username"])
    page.fill("input[name=password]", credentials["password"])
    page.click("main button[type=submit]")
    page.wait_for_url(f"{example}/privacy")
    return page


def shows(page: Page, state: bool) -> None:
    """Wait until the switch of the example, or of the site's own page, shows `state`."""
    page.wait_for_selector(f'[role=switch][aria-checked="{str(state).lower()}"]:not([disabled])')


def switch(page: Page, state: bool) -> None:
    """Press the switch, which then shows `state`."""
    shows(page, not state)
    page.get_by_role("switch").click()
    shows(page, state)


def runs(page: Page, state: bool) -> None:
    """Wait until the package records on this page, or does not: what happens before it begins is not recorded."""
    page.wait_for_function(f"() => ({ENABLED})() === {str(state).lower()}")


def go(page: Page, link: str, path: str) -> None:
    """Follow a link and wait for its page: a second click meanwhile would give up the first."""
    page.get_by_role("link", name=link, exact=True).click()
    page.wait_for_url(f"**{path}")


def sent(person: Person) -> list[str]:
    """The bodies of what went out so far."""
    return [request.post_data or "" for request in person.requests if request.url.endswith("/v1/traces")]


def clicks(person: Person) -> int:
    return len(person.activities("button_click"))


def test_on_three_calls_rows_off_and_silence(person: Person, example: str) -> None:
    person.share(False)
    page = sign_in(person, example)
    switch(page, True)
    runs(page, True)
    assert "Thank you for helping improve Rhesis!" in page.locator("#outcome").inner_text()
    go(page, "Dashboard", "/dashboard")
    go(page, "Tests", "/")
    page.get_by_role("button", name="Create a test").click()

    person.settled("the views", lambda: person.views()[-2:], ["/dashboard", "/"])
    person.settled("the click", lambda: clicks(person), 1)
    (click,) = person.activities("button_click")
    (run,) = [row for row in person.product.rows("analytics_feature_usage") if row["feature_name"] == "test_run"]
    assert (click["metadata"], run["action"]) == ({"button_id": "create_test"}, "created")
    assert click["user_id"] == run["user_id"]
    assert all("a-user" not in body and "an-organization" not in body for body in sent(person))

    go(page, "Privacy", "/privacy")
    # What is on its way while the no is said is refused, which a browser shows in its console.
    person.settled("the view of the switch", lambda: person.views()[-1:], ["other"])
    switch(page, False)
    assert "Telemetry has been disabled." in page.locator("#outcome").inner_text()
    before = len(sent(person))
    go(page, "Tests", "/")
    page.get_by_role("button", name="Create a test").click()
    go(page, "Privacy", "/privacy")
    assert len(sent(person)) == before, "something went out after a no"
    switch(page, True)
    runs(page, True)
    go(page, "Dashboard", "/dashboard")
    # What was done since is the proof that everything before it would have arrived.
    person.settled("the last view", lambda: person.views()[-1:], ["/dashboard"])
    assert (clicks(person), person.complaints) == (1, [])


def test_every_tab_of_either_origin_hears_both_changes(person: Person, example: str) -> None:
    person.share(False)
    first = sign_in(person, example)
    second, site = person.context.new_page(), person.context.new_page()
    second.goto(f"{example}/privacy")
    site.goto(f"{person.product.url}/settings/privacy/")
    for page in (first, second, site):
        shows(page, False)

    switch(first, True)
    for page in (second, site):
        shows(page, True)
    for page in (first, second):
        runs(page, True)
    switch(site, False)
    for page in (first, second):
        shows(page, False)
        runs(page, False)
    switch(second, True)
    for page in (first, site):
        shows(page, True)


def test_a_page_from_elsewhere_can_neither_choose_nor_send(person: Person, example: str) -> None:
    sign_in(person, example)
    session = requests.Session()
    session.cookies.update({cookie["name"]: cookie["value"] for cookie in person.context.cookies(example)})
    token = {"X-CSRFToken": session.cookies["csrftoken"]}
    disable, traces = f"{example}/api/users/telemetry/disable", f"{example}/v1/traces"

    for origin in ("https://elsewhere.example", "null", person.product.url + "0"):
        headers = {"Origin": origin, **token}
        assert session.put(disable, headers=headers, timeout=30).status_code == 403, origin
        assert session.post(traces, json={}, headers=headers, timeout=30).status_code == 403, origin
    assert session.put(disable, headers={"Origin": example}, timeout=30).status_code == 403, "without the token"
    assert session.put(disable, headers={"Origin": example, **token}, timeout=30).status_code == 200


def test_a_visitor_finds_no_error_in_the_console(person: Person, example: str) -> None:
    page = person.context.new_page()
    for path in ("/", "/dashboard", "/privacy"):
        with page.expect_response("**/v1/identity") as answered:
            page.goto(example + path)
        assert (answered.value.status, answered.value.json()["reason"]) == (200, "signed_out")
    page.wait_for_selector("text=You are signed out")
    picture(page, "next-signed-out")
    assert (sent(person), person.complaints) == ([], [])


def test_sending_stops_when_blocked_and_the_person_sees_a_message(person: Person, example: str) -> None:
    page = sign_in(person, example)
    shows(page, True)
    runs(page, True)
    person.context.route("**/v1/traces", lambda route: route.abort("blockedbyclient"))
    before = len(sent(person))
    go(page, "Tests", "/")
    page.get_by_role("button", name="Create a test").click()
    go(page, "Privacy", "/privacy")
    page.wait_for_selector("text=blocks usage data")

    assert 2 <= len(sent(person)) - before <= 4
    runs(page, False)
    switch(page, False)  # the choice is sent to another address
    person.context.unroute("**/v1/traces")


def test_offline_the_switch_stays_and_says_so_and_what_was_done_arrives_later(person: Person, example: str) -> None:
    page = sign_in(person, example)
    shows(page, True)
    runs(page, True)
    go(page, "Tests", "/")
    go(page, "Privacy", "/privacy")
    person.settled("the views", lambda: len(person.views()) >= 2, True)
    person.context.set_offline(True)
    page.get_by_role("switch").click()
    page.wait_for_selector("text=You're offline. Nothing was changed; please try again when you are online.")
    shows(page, True)
    picture(page, "next-offline")
    person.context.set_offline(False)

    switch(page, False)


def test_the_example_passes_axe_and_fits_a_phone(person: Person, example: str) -> None:
    page = sign_in(person, example)
    shows(page, True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": 375, "height": 700})
        picture(page, f"next-privacy-{scheme}")
        assert problems(page) == []


def test_somebody_else_who_signs_in_without_a_reload_gets_nothing_of_the_first(person: Person, example: str) -> None:
    page = sign_in(person, example)
    shows(page, True)
    runs(page, True)
    first = page.evaluate("() => globalThis[Symbol.for('rhesis.telemetry.2')].running.session")
    go(page, "Tests", "/")
    # In another tab, so that this one is not loaded anew.
    other = person.context.new_page()
    other.goto(f"{person.product.url}/settings/privacy/")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/sign-in/")
    page.get_by_role("button", name="Create a test").click()
    runs(page, False)
    credentials = person.product.people[True]
    other.fill("input[name=username]", credentials["username"])
    other.fill("input[name=password]", credentials["password"])
    other.click("main button[type=submit]")
    other.wait_for_url(f"{person.product.url}/")
    other.goto(f"{person.product.url}/settings/privacy/")
    if other.get_by_role("switch").get_attribute("aria-checked") == "false":
        switch(other, True)
    runs(page, True)
    assert page.evaluate("() => globalThis[Symbol.for('rhesis.telemetry.2')].running.session") != first
    go(page, "Dashboard", "/dashboard")

    person.settled("the second's view", lambda: person.views()[-1:], ["/dashboard"])
    assert clicks(person) == 0, "a click of the first went as the second's"
    switch(other, False)


def test_a_frame_of_the_same_origin_counts_no_view_of_its_own(person: Person, example: str) -> None:
    page = sign_in(person, example)
    runs(page, True)
    go(page, "Dashboard", "/dashboard")
    page.evaluate("document.body.append(Object.assign(document.createElement('iframe'), { src: '/' }))")
    frame = page.frame_locator("iframe")
    inner = next(each for each in page.frames if each is not page.main_frame)
    inner.wait_for_function(f"() => globalThis[Symbol.for('rhesis.telemetry.2')] && ({ENABLED})()")
    frame.get_by_role("button", name="Create a test").click()

    person.settled("the click in the frame", lambda: clicks(person), 1)
    person.settled("the page's views", person.views, ["other", "/dashboard"])
