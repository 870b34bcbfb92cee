"""The shipped example for Vite, with the packed package and a catalogue of its own, beside the site."""

import dataclasses
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, Page, expect
from pytest_django.fixtures import Settings

from tests.acceptance.product import Product, free_port, wait_until
from tests.browser.conftest import Person, Processor, wait_for_telemetry
from tests.browser.front_ends import VITE, build, started
from tests.browser.sites import another_site

# The first of them may have to install Vite.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
CATALOGUE = VITE.folder / "catalogue.toml"
RUNS = "() => globalThis[Symbol.for('rhesis.telemetry.2')].running !== null"


@pytest.fixture(scope="module")
def site(running: tuple[Product, Processor]) -> Iterator[str]:
    """The product's site once more, and a processor for it, both of which know the app's catalogue."""
    product = running[0]
    own = {"TELEMETRY_CATALOGUES": str(CATALOGUE)}
    processor = Processor(product.tree, free_port())
    processor.start(**own)
    try:
        with another_site(product, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{processor.port}", **own) as url:
            yield url
    finally:
        processor.stop()


@pytest.fixture(scope="module")
def example(site: str, packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(VITE, build(VITE, packed, tmp_path_factory.mktemp("vite")), site) as url:
        yield url


@pytest.fixture
def visitor(product: Product, site: str, chromium: Browser) -> Iterator[Person]:
    """The demo person at that site, who does not share yet."""
    context = chromium.new_context()
    found = Person(dataclasses.replace(product, url=site), context)
    found.share(False)
    yield found
    found.share(False)
    context.close()


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


def test_an_app_s_own_events_and_routes_are_recorded_stored_and_counted_and_end_with_its_switch(
    visitor: Person, example: str
) -> None:
    page = sign_in(visitor, example)
    sharing = page.get_by_label("Share anonymous usage data")
    expect(sharing).to_be_enabled()
    expect(sharing).not_to_be_checked()

    sharing.click()
    expect(page.locator("#outcome")).to_have_text("Thank you for helping improve Rhesis!")
    page.wait_for_function(RUNS)
    page.get_by_role("button", name="Sort by price").click()
    page.get_by_role("link", name="Prices", exact=True).click()
    page.get_by_role("link", name="Price 4711").click()
    visitor.settled("the views", visitor.views, ["/", "/pricing", "/pricing/:id"])
    visitor.settled("the event", lambda: sorts(visitor), [{"by": "price"}])
    wait_until("the reports", lambda: counted(visitor.product) == {"price_list sorted", "page_view /pricing/:id"})

    sharing.click()
    expect(page.locator("#outcome")).to_have_text("Telemetry has been disabled.")
    page.wait_for_function(f"() => !({RUNS})()")
    page.get_by_role("button", name="Sort by price").click()
    page.get_by_role("link", name="Prices", exact=True).click()
    sharing.click()
    page.wait_for_function(RUNS)
    # What was done since is the proof that everything before it would have arrived.
    visitor.settled("the last view", lambda: visitor.views()[3:], ["/pricing"])
    assert (sorts(visitor), visitor.complaints) == ([{"by": "price"}], [])


def test_the_site_s_own_pages_know_the_project_s_events_and_routes_without_an_app(visitor: Person) -> None:
    visitor.share(True)
    page = visitor.sign_in()
    wait_for_telemetry(page)
    page.evaluate(
        """async () => {
            const telemetry = await import(document.querySelector("script[data-telemetry]").dataset.telemetry);
            telemetry.trackPageView("/pricing/4711");
            telemetry.trackFeatureUsage("price_list", "sorted", { by: "name" });
        }"""
    )

    visitor.settled("the views", visitor.views, ["/", "/pricing/:id"])
    visitor.settled("the event", lambda: sorts(visitor), [{"by": "name"}])
    assert visitor.complaints == []


def test_the_app_s_types_and_routes_are_what_one_command_makes_of_its_catalogue(settings: Settings) -> None:
    settings.TELEMETRY_CATALOGUES = [str(CATALOGUE)]
    output = StringIO()
    call_command("export_catalogue", format="typescript", stdout=output)

    assert (VITE.folder / "src" / "catalogue.ts").read_text() == output.getvalue()


def sorts(person: Person) -> list[object]:
    rows = person.product.rows("analytics_feature_usage")
    return [row["metadata"] for row in rows if row["feature_name"] == "price_list"]


def counted(product: Product) -> set[str]:
    """What of the app's own the reports show one use of by one person."""
    answer = product.browser(staff=True).get(f"{product.url}/admin/analytics/reports/feature_actions.json")
    assert answer.status_code == 200, answer.text
    return {
        name
        for row in answer.json()["rows"]
        if (name := f"{row['feature_name']} {row['action']}").endswith(("sorted", "/:id"))
        and (row["unique_users"], row["total_uses"]) == (1, 1)
    }
