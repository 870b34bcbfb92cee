"""Every page of the site in a real Chromium: phone and desktop, light and dark, by keyboard, without a script."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser

from tests.acceptance.product import Product
from tests.browser.looks import LOOKS, TWO_LOOKS, look_at, picture, problems, tab_to, visitor
from tests.profile import LONG

pytestmark = pytest.mark.browser
PAGES = {
    "sign-in": ("/sign-in/", None),
    "home": ("/", False),
    "privacy": ("/settings/privacy/", False),
    "delete": ("/settings/privacy/delete/", False),
    "password": ("/settings/password/", False),
    "api-docs": ("/api/docs", None),
    "not-found": ("/no/such/page/", False),
    "admin-sign-in": ("/admin/login/", None),
    "admin": ("/admin/", True),
    "admin-installation": ("/admin/analytics/installation/", True),
    "admin-digest": ("/admin/analytics/reports/digest", True),
    "admin-people": ("/admin/accounts/user/", True),
    "admin-preferences": ("/admin/privacy/preference/", True),
    "admin-ledger": ("/admin/privacy/consentevent/", True),
    "admin-lock": ("/admin/privacy/installationcontrol/1/change/", True),
    "admin-notice": ("/admin/privacy/privacynotice/add/", True),
}


@pytest.fixture
def sharing(product: Product) -> Iterator[None]:
    """The demo person shares, and is back to off afterwards."""
    client = product.token_client(staff=False)
    yield
    client.put(f"{product.url}/api/users/telemetry/disable", timeout=10).raise_for_status()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_passes_axe_on_phone_and_desktop_in_light_and_dark(
    name: str, product: Product, chromium: Browser
) -> None:
    path, staff = PAGES[name]
    status = 404 if name == "not-found" else 200
    look_at(name, product.url + path, product, chromium, staff=staff, looks=LOOKS if LONG else TWO_LOOKS, status=status)


def test_nothing_jumps_while_a_page_loads(product: Product, chromium: Browser) -> None:
    for size in ("phone", "desktop"):
        with visitor(product, chromium, staff=False, size=size) as (context, _):
            context.add_init_script(
                """window.shifts = [];
                new PerformanceObserver((list) => shifts.push(...list.getEntries().map((shift) => shift.value)))
                    .observe({ type: "layout-shift", buffered: true });"""
            )
            page = context.new_page()
            for path in ("/", "/settings/privacy/", "/settings/privacy/delete/", "/settings/password/"):
                page.goto(product.url + path)
                page.wait_for_load_state("networkidle")
                # Shifts are reported with the frame they happened in.
                page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                assert page.evaluate("shifts") == [], f"{path} on a {size}"


def test_the_toggle_saves_at_once_and_tells_other_tabs(product: Product, chromium: Browser, sharing: None) -> None:
    with visitor(product, chromium, staff=False) as (context, complaints):
        first, second = context.new_page(), context.new_page()
        for page in (first, second):
            page.goto(f"{product.url}/settings/privacy/")
        with first.expect_response("**/api/users/telemetry/enable"):
            first.get_by_role("switch").click()
        for page in (first, second):
            page.wait_for_selector('[role=switch][aria-checked="true"]')
            assert "Thank you for helping improve Rhesis!" in page.locator("#decision").inner_text()
        assert first.url.endswith("/settings/privacy/") and complaints == []
        with second.expect_response("**/api/users/telemetry/disable"):
            second.get_by_role("switch").click()
        first.wait_for_selector('[role=switch][aria-checked="false"]')


def test_a_toggle_while_offline_changes_nothing_and_says_so(product: Product, chromium: Browser, sharing: None) -> None:
    with visitor(product, chromium, staff=False) as (context, _):
        page = context.new_page()
        page.goto(f"{product.url}/settings/privacy/")
        context.set_offline(True)
        page.get_by_role("switch").click()
        page.wait_for_selector(
            '#decision:has-text("You\'re offline. Nothing was changed; please try again when you are online.")'
        )
        assert page.get_by_role("switch").get_attribute("aria-checked") == "false"
        assert page.locator("[role=switch][aria-busy]").count() == 0
        picture(page, "privacy-offline")
        assert problems(page) == []
        context.set_offline(False)
        with page.expect_response("**/api/users/telemetry/enable"):
            page.get_by_role("switch").click()
        page.wait_for_selector('[role=switch][aria-checked="true"]')


def test_the_history_shows_a_choice_at_once_in_every_tab(product: Product, chromium: Browser, sharing: None) -> None:
    lines = "() => document.querySelector('#history .what')?.textContent"
    with visitor(product, chromium, staff=False) as (context, complaints):
        first, second = context.new_page(), context.new_page()
        for page in (first, second):
            page.goto(f"{product.url}/settings/privacy/")
        for wanted, line in (("true", "Sharing switched on"), ("false", "Sharing switched off")):
            first.get_by_role("switch").click()
            for page in (first, second):
                page.wait_for_selector(f'[role=switch][aria-checked="{wanted}"]')
                page.wait_for_function(f"() => ({lines})().startsWith('{line}')")
        assert complaints == []


def test_by_keyboard_alone(product: Product, chromium: Browser, sharing: None) -> None:
    with visitor(product, chromium, staff=False) as (context, _):
        page = context.new_page()
        page.goto(f"{product.url}/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        tab_to(page, 'a[href="/settings/privacy/"]')
        page.keyboard.press("Enter")
        page.wait_for_url("**/settings/privacy/")
        tab_to(page, "[role=switch]")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", "where the focus is can be seen"
        with page.expect_response("**/api/users/telemetry/enable"):
            page.keyboard.press("Space")
        page.wait_for_selector('[role=switch][aria-checked="true"]')
        tab_to(page, "summary")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.parentElement.open") is True


def test_without_a_script(product: Product, chromium: Browser, sharing: None) -> None:
    with visitor(product, chromium, staff=False, java_script_enabled=False) as (context, _):
        page = context.new_page()
        page.goto(f"{product.url}/settings/privacy/")
        page.get_by_role("switch").click()
        page.wait_for_selector('[role=switch][aria-checked="true"]')
        assert "On. You switched this on on" in page.locator("#decision").inner_text()
        page.get_by_text("Show the data").click()
        assert page.get_by_role("region", name="The data that is sent").is_visible()
        page.get_by_role("switch").click()
        page.wait_for_selector('[role=switch][aria-checked="false"]')
        page.get_by_role("link", name="Password").click()
        page.wait_for_url("**/password/")  # a click waits for no page, and counting neither
        assert page.locator("input[type=password]").count() == 3


def test_deletion_is_offered_at_the_moment_of_switching_off(product: Product, chromium: Browser, sharing: None) -> None:
    client = product.token_client(staff=False)
    requests.put(f"{product.url}/api/users/telemetry/enable", headers=dict(client.headers), timeout=10)
    with visitor(product, chromium, staff=False) as (context, _):
        page = context.new_page()
        page.goto(f"{product.url}/settings/privacy/")
        for _ in range(100):
            if page.locator("#offer-deletion").count():
                break
            page.wait_for_timeout(100)
            page.reload()
        assert not page.locator("#offer-deletion").is_visible()
        with page.expect_response("**/api/users/telemetry/disable"):
            page.get_by_role("switch").click()
        page.locator("#offer-deletion a").click()
        page.wait_for_url("**/delete/")
        page.get_by_role("button", name="Delete").click()
        page.wait_for_url("**/settings/privacy/")
        assert "records deleted." in page.locator("main").inner_text()
        assert "Nothing is stored about you." in page.locator("#stored").inner_text()


def test_a_wrong_password_is_said_to_a_screen_reader(product: Product, chromium: Browser) -> None:
    with visitor(product, chromium, staff=None) as (context, _):
        page = context.new_page()
        page.goto(f"{product.url}/sign-in/")
        page.fill("input[name=username]", "nobody")
        page.fill("input[name=password]", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector('[role="alert"]')
        picture(page, "sign-in-wrong")
        assert problems(page) == []
