"""The reports in a real Chromium, with weeks of usage in them: every look, by keyboard, printed, without a script."""

import pytest
from playwright.sync_api import Browser, Page

from tests.acceptance.product import Product
from tests.browser.conftest import Processor
from tests.browser.looks import LOOKS, picture, problems, tab_to, visitor
from tests.browser.usage import fill

pytestmark = pytest.mark.browser
REPORTS = "/admin/analytics/reports/"
PAGES = ["", "people/", "features/", "endpoints/", "retention/", "sessions/", "consent/", "intake/"]
# Pages of a name, to which others lead.
NAMED = [
    "feature/?name=test_run",
    "endpoint/?name=/api/test_runs/&method=POST",
    "funnel/?step=user_activity.login&step=feature_usage.test_run&step=feature_usage.test_set.run&within=1d",
]
# Web Vitals calls so much good. While the page still arrives, in pieces on a busy machine, a label is drawn without its
# field and the line it stands on breaks anew; slowed down to a quarter that was 0.011 at most.
UNNOTICED_SHIFT = 0.1
# What a page adds to the layout after it was first drawn, as the browser measures it; and when all of it was drawn.
NOTE_SHIFTS = """
    globalThis.shifts = [];
    new PerformanceObserver((list) => shifts.push(...list.getEntries()))
        .observe({ type: "layout-shift", buffered: true });
    globalThis.drawn = new Promise((drawn) => addEventListener("load", () =>
        requestAnimationFrame(() => requestAnimationFrame(() => drawn(performance.now())))));
"""
SHIFTS = """async () => {
    const since = await drawn;
    const sum = (those) => those.reduce((sum, shift) => sum + shift.value, 0);
    return [sum(shifts), sum(shifts.filter((shift) => shift.startTime > since))];
}"""


@pytest.fixture(scope="module")
def used(running: tuple[Product, Processor]) -> Product:
    """These tests only look, so one filling does for all of them; whoever comes next empties the tables."""
    fill(running[0], days=40)
    return running[0]


def test_every_page_fits_holds_still_and_passes_axe_in_every_look(used: Product, chromium: Browser) -> None:
    found: dict[str, list[str]] = {}
    for size, scheme in LOOKS:
        with visitor(used, chromium, staff=True, size=size, scheme=scheme) as (context, complaints):
            context.add_init_script(NOTE_SHIFTS)
            page = context.new_page()
            for path in [*PAGES, *NAMED]:
                page.goto(used.url + REPORTS + path)
                page.wait_for_load_state("networkidle")
                name = path.partition("?")[0].strip("/") or "overview"
                shifts, late = page.evaluate(SHIFTS)
                told = [f"the layout jumps: {shifts:.3f}"] if shifts > UNNOTICED_SHIFT or late > 0 else []
                picture(page, f"reports-{name}-{size}-{scheme}")
                told += problems(page) + complaints + _outside(page)
                assert page.locator("svg.chart").count() > 0
                if told:
                    found[f"{name}, {size}, {scheme}"] = told
                complaints.clear()
    assert found == {}


def _outside(page: Page) -> list[str]:
    """Texts of charts that stand outside the screen."""
    texts: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("svg.chart text")].filter((text) => {
            const box = text.getBoundingClientRect();
            return box.left < 0 || box.right > innerWidth;
        }).map((text) => text.textContent)"""
    )
    return [f"{text!r} is outside" for text in texts] + [f"{text!r} touches the next" for text in _touching(page)]


def _touching(page: Page) -> list[str]:
    """Labels below columns that run into one another."""
    texts: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("svg.chart .label")].filter((text) => {
            const next = text.nextElementSibling?.getBoundingClientRect();
            return next && text.getBoundingClientRect().right > next.left - 2;
        }).map((text) => text.textContent)"""
    )
    return texts


@pytest.mark.parametrize("days", [1, 731])
def test_one_day_and_two_years_fit_too(used: Product, chromium: Browser, days: int) -> None:
    found: dict[str, list[str]] = {}
    with visitor(used, chromium, staff=True, size="phone", scheme="dark") as (context, complaints):
        page = context.new_page()
        for path in PAGES:
            page.goto(f"{used.url}{REPORTS}{path}?from={_ago(page, days)}&to={_ago(page, 1)}")
            picture(page, f"reports-{path.strip('/') or 'overview'}-{days}-days")
            if told := problems(page) + complaints + _outside(page):
                found[path] = told
    assert found == {}


def _ago(page: Page, days: int) -> str:
    day: str = page.evaluate("days => new Date(Date.now() - days * 86400000).toISOString().slice(0, 10)", days)
    return day


def test_by_keyboard_alone(used: Product, chromium: Browser) -> None:
    with visitor(used, chromium, staff=True) as (context, _):
        page = context.new_page()
        page.goto(f"{used.url}/admin/")
        tab_to(page, f'a[href="{REPORTS}"]')
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{REPORTS}")
        tab_to(page, '.report-pages a[href*="/endpoints/"]')
        page.keyboard.press("Enter")
        page.wait_for_url("**/endpoints/?*")
        tab_to(page, "input[name=name]")
        page.keyboard.type("test_runs")
        page.keyboard.press("Enter")
        page.wait_for_url("**name=test_runs**")
        assert page.locator(".report-table tbody tr").count() == 2
        tab_to(page, ".report-table")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_the_overview_begins_with_its_chart_and_a_day_is_read_out(used: Product, chromium: Browser, size: str) -> None:
    with visitor(used, chromium, staff=True, size=size) as (context, _):
        page = context.new_page()
        page.goto(used.url + REPORTS)
        chart = page.locator("svg.chart").bounding_box()
        assert chart and chart["y"] < 400
        day = page.locator("g.day").nth(-2)
        day.hover()
        assert day.locator(".read-out").is_visible() and " people; " in (day.locator(".read-out").text_content() or "")
        assert (page.locator("g.day .read-out").last.text_content() or "").endswith("not over yet")


def test_a_wide_table_scrolls_in_its_own_box_on_a_phone(used: Product, chromium: Browser) -> None:
    with visitor(used, chromium, staff=True, size="phone") as (context, _):
        page = context.new_page()
        page.goto(f"{used.url}{REPORTS}endpoints/")
        table, box, screen = page.evaluate(
            """() => {
                const box = document.querySelector(".report-table");
                return [box.scrollWidth, box.clientWidth, document.documentElement.scrollWidth];
            }"""
        )
        assert table > box and screen <= 360


def test_a_range_that_cannot_be_is_said_and_can_be_corrected(used: Product, chromium: Browser) -> None:
    with visitor(used, chromium, staff=True, size="phone") as (context, complaints):
        page = context.new_page()
        page.goto(f"{used.url}{REPORTS}people/?from=2026-06-02&to=2026-06-01")
        assert "ends (2026-06-01) before it begins" in page.get_by_role("alert").inner_text()
        assert problems(page) == []
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**/people/?from=*")
        assert page.locator("svg.chart").count() > 0 and page.get_by_role("alert").count() == 0
        assert [each for each in complaints if "400" not in each] == []


def test_printed_it_is_the_numbers_and_no_more(used: Product, chromium: Browser) -> None:
    with visitor(used, chromium, staff=True) as (context, _):
        page = context.new_page()
        page.goto(f"{used.url}{REPORTS}people/")
        page.emulate_media(media="print")
        picture(page, "reports-people-printed")
        for hidden in (".report-filter", ".report-pages", ".downloads", "#header"):
            assert not page.locator(hidden).first.is_visible(), hidden
        box, table = page.evaluate(
            """() => {
                const box = document.querySelector(".report-table");
                return [box.clientHeight, box.querySelector("table").clientHeight];
            }"""
        )
        assert box >= table, "rows are cut off"
        assert page.pdf().startswith(b"%PDF")


def test_a_funnel_is_asked_by_a_form_without_a_script_on_a_phone(used: Product, chromium: Browser) -> None:
    with visitor(used, chromium, staff=True, size="phone", java_script_enabled=False) as (context, _):
        page = context.new_page()
        page.goto(f"{used.url}{REPORTS}funnel/")
        page.get_by_label("Step 1").select_option("user_activity.login")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**step=user_activity.login**")
        assert "A funnel has 2 to 8 steps" in page.get_by_role("alert").inner_text()
        page.get_by_label("Step 2").select_option("feature_usage.test_run")
        page.get_by_label("Within").select_option("1d")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**within=1d**")
        assert page.locator(".report-table tbody tr").count() == 2


def test_without_a_script(used: Product, chromium: Browser) -> None:
    with visitor(used, chromium, staff=True, java_script_enabled=False) as (context, _):
        page = context.new_page()
        page.goto(used.url + REPORTS)
        page.get_by_role("link", name="7 days", exact=True).click()
        page.wait_for_url("**from=**")
        assert page.locator("svg.chart path.now").get_attribute("d")
        page.locator(".tiles").get_by_role("link", name="Error rate").click()
        page.wait_for_url("**measure=errors**")
        assert page.get_by_role("img", name="Error rate by day").count() == 1
        page.locator(".report-filter summary").click()
        page.get_by_label("Deployment").select_option("cloud")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**deployment=cloud**")  # a click waits for no page, and counting neither
        assert page.get_by_role("img", name="Error rate by day").count() == 1
        with page.expect_download() as download:
            page.get_by_role("link", name="Day by day as CSV").click()
        assert download.value.suggested_filename.startswith("overview_")
