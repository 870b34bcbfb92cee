"""The pages for people who replace our colours by theirs, and for those who have them read out."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.acceptance.product import Product
from tests.browser.conftest import Processor
from tests.browser.looks import picture, problems, visitor
from tests.browser.usage import fill

pytestmark = pytest.mark.browser
SETTINGS = "/settings/privacy/"
REPORTS = "/admin/analytics/reports/"


@pytest.fixture(scope="module")
def used(running: tuple[Product, Processor]) -> Product:
    """With usage to draw."""
    fill(running[0], days=20)
    return running[0]


@pytest.fixture
def undecided(product: Product) -> Iterator[None]:
    """The demo person does not share, before and afterwards."""
    client = product.token_client(staff=False)
    call = f"{product.url}/api/users/telemetry/disable"
    client.put(call, timeout=10).raise_for_status()
    yield
    client.put(call, timeout=10).raise_for_status()


def colour(element: Locator, name: str, pseudo: str = "") -> str:
    """A computed colour, as the forced colours leave it."""
    found: str = element.evaluate(
        "(element, [name, pseudo]) => getComputedStyle(element, pseudo || null)[name]", [name, pseudo]
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_forced_colours_the_switch_shows_its_state_and_the_current_tab_stands_out(
    product: Product, chromium: Browser, undecided: None, scheme: str
) -> None:
    with visitor(product, chromium, staff=False, scheme=scheme, forced_colors="active") as (context, complaints):
        page = context.new_page()
        page.goto(product.url + SETTINGS)
        track = page.locator(".switch .track")
        for state in ("false", "true"):
            page.wait_for_selector(f'[role=switch][aria-checked="{state}"]')
            # The colours change over a moment.
            page.wait_for_function("() => document.getAnimations().length === 0")
            picture(page, f"privacy-forced-colours-{scheme}-{state}")
            assert colour(track, "backgroundColor", "::after") != colour(track, "backgroundColor"), "no thumb"
            if state == "false":
                page.get_by_role("switch").click()
        current, other = page.locator("nav a[aria-current]"), page.locator("nav a:not([aria-current])").first
        assert colour(current, "backgroundColor") != colour(other, "backgroundColor")
        assert complaints == []


def test_in_forced_colours_reports_show_their_tab_and_both_ranges(used: Product, chromium: Browser) -> None:
    with visitor(used, chromium, staff=True, forced_colors="active") as (context, complaints):
        page = context.new_page()
        for path in ("people/", "features/", "retention/"):
            page.goto(used.url + REPORTS + path)
            picture(page, f"reports-forced-colours-{path.strip('/')}")
            current = page.locator(".report-pages a[aria-current]")
            other = page.locator(".report-pages a:not([aria-current])").first
            assert colour(current, "backgroundColor") != colour(other, "backgroundColor")
            for key in page.locator(".legend .key").all():
                assert colour(key, "backgroundColor") != colour(page.locator("body"), "backgroundColor")
            for field in page.locator(".chart .field").all():
                assert colour(field.locator("text"), "fill") != colour(field.locator("rect"), "fill"), "hidden numbers"
        assert complaints == []


def read_out(page: Page, role: str) -> list[dict[str, str]]:
    """Name and description of everything of this role, as the browser gives them to a screen reader."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    return [
        {part: node.get(part, {}).get("value", "") for part in ("name", "description")}
        for node in tree["nodes"]
        if not node["ignored"] and node["role"]["value"] == role
    ]


def test_a_chart_is_read_out_by_its_title_and_its_description_once_each(used: Product, chromium: Browser) -> None:
    with visitor(used, chromium, staff=True) as (context, _):
        page = context.new_page()
        for path in ("people/", "features/", "retention/"):
            page.goto(used.url + REPORTS + path)
            charts: list[dict[str, Any]] = page.locator("svg.chart").evaluate_all(
                """charts => charts.map((chart) => ({
                    name: chart.querySelector("title").textContent, description: chart.querySelector("desc").textContent
                }))"""
            )
            assert charts != []
            assert read_out(page, "image") == charts


def test_the_preview_is_a_region_with_a_name(product: Product, chromium: Browser) -> None:
    with visitor(product, chromium, staff=False) as (context, _):
        page = context.new_page()
        page.goto(product.url + SETTINGS)
        page.get_by_text("Show the data").click()
        assert page.get_by_role("region", name="The data that is sent").is_visible()
        assert problems(page) == []
