"""The shipped example for Vite, with the packed package, beside the site."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Person
from tests.browser.front_ends import VITE, build, started

# The first of them may have to install Vite.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def example(running: tuple[object, object], packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(VITE, build(VITE, packed, tmp_path_factory.mktemp("vite")), running[0].url) as url:  # type: ignore[attr-defined]
        yield url


def sign_in(person: Person, example: str) -> Page:
    page = person.context.new_page()
    page.goto(example)
    page.get_by_role("link", name="Sign in").click()
    credentials = person.product.people[False]
    page.fill("input[name=username]", credentials["username"])
    page.fill("input[name=password]", credentials["password"])
    page.click("main button[type=submit]")
    page.wait_for_url(f"{example}/")
    return page


def test_on_views_and_a_click_as_rows_and_off(person: Person, example: str) -> None:
    person.share(False)
    page = sign_in(person, example)
    sharing = page.get_by_label("Share anonymous usage data")
    expect(sharing).to_be_enabled()
    expect(sharing).not_to_be_checked()

    sharing.click()
    expect(page.locator("#outcome")).to_have_text("Thank you for helping improve Rhesis!")
    page.wait_for_function("() => globalThis[Symbol.for('rhesis.telemetry.2')].running !== null")
    page.get_by_role("button", name="Create a test").click()
    page.get_by_role("link", name="Prices", exact=True).click()
    person.settled("the views", person.views, ["/", "other"])
    person.settled("the click", lambda: len(person.activities("button_click")), 1)

    sharing.click()
    expect(page.locator("#outcome")).to_have_text("Telemetry has been disabled.")
    page.get_by_role("button", name="Create a test").click()
    assert page.evaluate("() => globalThis[Symbol.for('rhesis.telemetry.2')].running === null")
    assert person.complaints == []
