"""How a page looks and works for different people: phone and desktop, light and dark, keyboard, axe."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.acceptance.product import ROOT, Product

AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
LOOKS = [(size, scheme) for size in ("phone", "desktop") for scheme in ("light", "dark")]
# Between them each size and each scheme, for pages that differ from another in their words only.
TWO_LOOKS = [("phone", "dark"), ("desktop", "light")]
SIZES = {"phone": PHONE, "desktop": DESKTOP}
# A folder to leave a picture of every page in.
PICTURES = os.environ.get("PICTURES", "")

# A screen reader reads no name of an element that has no role, and axe does not mind.
NAMED_WITHOUT_A_ROLE = """() => [...document.querySelectorAll("[aria-label], [aria-labelledby]")]
    .filter((each) => each.matches(":is(div, span, p, pre, code, b, i, em, strong, small, u):not([role])"))
    .map((each) => each.outerHTML.slice(0, 80))"""

_sessions: dict[tuple[str, bool], str] = {}


@contextmanager
def visitor(
    product: Product,
    chromium: Browser,
    *,
    staff: bool | None,
    size: str = "desktop",
    scheme: str = "light",
    **more: Any,
) -> "Iterator[tuple[BrowserContext, list[str]]]":
    """A browser context of the demo person, of staff or of nobody (None), and what its console complains of."""
    context = chromium.new_context(viewport=SIZES[size], color_scheme=scheme, **more)  # type: ignore[arg-type]
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "console",
        lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None,
    )
    if staff is not None:
        key = (product.url, staff)
        if key not in _sessions:
            _sessions[key] = product.browser(staff=staff).cookies["sessionid"]
        context.add_cookies([{"name": "sessionid", "value": _sessions[key], "url": product.url}])
    yield context, complaints
    context.close()


def look_at(
    name: str,
    url: str,
    product: Product,
    chromium: Browser,
    *,
    staff: bool | None,
    looks: Sequence[tuple[str, str]] = TWO_LOOKS,
    status: int = 200,
    **more: Any,
) -> str:
    """Open a page in each look, unfolded, and find nothing wrong with it. Its words, of the last look."""
    words = ""
    for size, scheme in looks:
        with visitor(product, chromium, staff=staff, size=size, scheme=scheme, **more) as (context, complaints):
            page = context.new_page()
            response = page.goto(url)
            assert response is not None and response.status == status
            picture(page, f"{name}-{size}-{scheme}")
            unfold(page)
            # The browser itself says in its console that a page was a 404. What axe complains of is its own affair.
            told = [each for each in complaints if str(status) not in each]
            told += problems(page)
            assert told == [], f"{name} on a {size}, {scheme}: {told}"
            words = page.locator("body").inner_text()
    return words


def sign_in_anew() -> None:
    """Have the next visitors sign in: what a browser session remembers is not theirs."""
    _sessions.clear()


def unfold(page: Page) -> None:
    """Open what is folded up, so that it is looked at as well."""
    for details in page.locator("details").all():
        details.evaluate("each => each.open = true")


def problems(page: Page) -> list[str]:
    """What axe finds, names that no screen reader reads, and whether the page is wider than the screen."""
    # By the debugger rather than a script element: the page's own policy would refuse that, as it should.
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations'], preload: false})")
    told = [
        f"{violation['id']}: {violation['help']} ({', '.join(str(node['target']) for node in violation['nodes'][:3])})"
        for violation in found["violations"]
    ]
    told += [f"a name without a role: {each}" for each in page.evaluate(NAMED_WITHOUT_A_ROLE)]
    scroll, width = page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    if scroll > width:
        told.append(f"{scroll} pixels wide on a screen of {width}")
    return told


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def tab_to(page: Page, selector: str, *, at_most: int = 60) -> None:
    """Press Tab until what `selector` names has the focus."""
    for _ in range(at_most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reached {selector}")
