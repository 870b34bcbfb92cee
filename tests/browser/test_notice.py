"""The notice in a real browser: a fair question for everybody, and shown only to who looked at the page."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page, Route

from embedded_postgres.server import connection_url
from tests.acceptance.product import Product, wait_until
from tests.browser.looks import picture, problems, sign_in_anew, tab_to, visitor
from tests.browser.sites import another_site

pytestmark = pytest.mark.browser
LOOKS = [
    ("phone", "light", {"viewport": {"width": 375, "height": 740}}),
    ("phone", "dark", {"viewport": {"width": 375, "height": 740}}),
    ("desktop", "light", {}),
    ("desktop", "dark", {}),
    ("desktop", "light", {"forced_colors": "active"}),
]


def database(product: Product) -> "psycopg.Connection[Any]":
    return psycopg.connect(connection_url(product.tree / ".local/postgres"), autocommit=True)


def undecided(product: Product) -> None:
    """Nobody has chosen anything or was shown anything."""
    with database(product) as connection:
        connection.execute("DELETE FROM privacy_preference")
    sign_in_anew()


def preference(product: Product) -> "tuple[Any, ...] | None":
    with database(product) as connection:
        return connection.execute("SELECT choice, notice_shown_at IS NOT NULL FROM privacy_preference").fetchone()


def is_shown_in_the_cloud(product: Product) -> bool:
    """Signing in at the self-hosted site shows the notice there, which begins nothing."""
    found = preference(product)
    return found is not None and found != (None, False)


@pytest.fixture(scope="module")
def cloud(running: Any) -> Iterator[str]:
    product: Product = running[0]
    with another_site(product, DEPLOYMENT_TYPE="cloud") as url:
        yield url


@pytest.fixture(autouse=True)
def _nobody_has_chosen(product: Product) -> Iterator[None]:
    undecided(product)
    yield
    undecided(product)


def answers(page: Page) -> list[dict[str, Any]]:
    """How the two buttons look and how large they are."""
    found: list[dict[str, Any]] = page.eval_on_selector_all(
        ".notice button[name=sharing]",
        """buttons => buttons.map(each => {
            const style = getComputedStyle(each);
            const properties = ["color", "backgroundColor", "border", "fontSize", "fontWeight", "padding", "opacity"];
            const look = Object.fromEntries(properties.map(name => [name, style[name]]));
            const { height, width } = each.getBoundingClientRect();
            return { ...look, height, width: Math.round(width) };
        })""",
    )
    return found


@pytest.mark.parametrize("look", LOOKS, ids=["375", "375-dark", "wide", "wide-dark", "forced"])
def test_the_two_answers_look_the_same_and_nothing_is_wrong_with_them(
    product: Product, chromium: Browser, cloud: str, look: tuple[str, str, dict[str, Any]]
) -> None:
    size, scheme, more = look
    with visitor(product, chromium, staff=False, size="desktop", scheme=scheme) as (context, _):
        page = context.new_page()
        page.set_viewport_size(more.get("viewport", {"width": 1280, "height": 900}))
        page.emulate_media(forced_colors=more.get("forced_colors", "none"))
        page.goto(f"{cloud}/")
        notice = page.locator(".notice")
        assert "This is on now." in notice.inner_text()
        assert notice.locator("button[name=sharing]").all_inner_texts() == ["Switch off", "Keep on"]
        first, second = answers(page)
        assert first == second and first["height"] >= 44
        picture(page, f"notice-{size}-{scheme}-{more.get('forced_colors', '')}")
        assert problems(page) == []


@pytest.mark.parametrize("answer", ["Keep on", "Switch off"])
@pytest.mark.parametrize("scripts", [True, False], ids=["script", "no script"])
def test_an_answer_is_a_choice_with_and_without_javascript_by_the_keyboard(
    product: Product, chromium: Browser, cloud: str, answer: str, scripts: bool
) -> None:
    choice = answer == "Keep on"
    with visitor(product, chromium, staff=False) as (signed_in, _):
        cookies = signed_in.cookies()
    context = chromium.new_context(java_script_enabled=scripts)
    context.add_cookies([{"name": each["name"], "value": each["value"], "url": cloud} for each in cookies])
    page = context.new_page()
    page.goto(f"{cloud}/settings/password/")
    assert preference(product) == (None, True), "a document is shown, with or without JavaScript"
    value = "on" if choice else "off"
    if scripts:
        tab_to(page, f".notice button[value={value}]")
        page.keyboard.press("Enter")
    else:
        page.locator(".notice").get_by_role("button", name=answer).press("Enter")
    page.wait_for_selector(".message.success")
    assert page.url == f"{cloud}/settings/password/" and page.locator(".notice").count() == 0
    assert preference(product) == (choice, True)
    context.close()


def test_a_page_made_ahead_is_shown_when_it_is_looked_at(product: Product, chromium: Browser, cloud: str) -> None:
    def fetched_ahead(route: Route) -> None:
        # By Playwright itself: a browser's own requests take no such header from outside.
        route.fulfill(response=route.fetch(headers={**route.request.headers, "sec-purpose": "prefetch;prerender"}))

    with visitor(product, chromium, staff=False) as (context, complaints):
        page = context.new_page()
        page.add_init_script(
            "Object.defineProperty(document, 'visibilityState', { get: () => globalThis.seen ? 'visible' : 'hidden' })"
        )
        page.route(f"{cloud}/", fetched_ahead)
        page.goto(f"{cloud}/")
        page.wait_for_load_state("networkidle")
        assert page.locator(".notice").count() == 1 and not is_shown_in_the_cloud(product)
        with page.expect_response(f"{cloud}/settings/privacy/seen/") as told:
            page.evaluate("globalThis.seen = true; document.dispatchEvent(new Event('visibilitychange'))")
        assert told.value.status == 204
        wait_until("the notice counts", lambda: preference(product) == (None, True))
        assert complaints == []


def test_what_a_script_fetches_shows_nobody_anything(product: Product, chromium: Browser, cloud: str) -> None:
    with visitor(product, chromium, staff=False) as (context, _):
        page = context.new_page()
        page.goto(f"{cloud}/healthz")
        for method in ("GET", "POST"):
            page.evaluate("method => fetch('/settings/password/', { method }).then(each => each.text())", method)
        assert not is_shown_in_the_cloud(product)
