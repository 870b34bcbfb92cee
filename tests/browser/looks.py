"""How a page looks and works for different people: phone and desktop, light and dark, keyboard, axe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.acceptance.product import ROOT, Product

AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
LOOKS = [(size, scheme) for size in ("phone", "desktop") for scheme in ("light", "dark")]
SIZES = {"phone": PHONE, "desktop": DESKTOP}
# A folder to leave a picture of every page in.
PICTURES = os.environ.get("PICTURES", "")


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
        session = product.browser(staff=staff).cookies["sessionid"]
        context.add_cookies([{"name": "sessionid", "value": session, "url": product.url}])
    yield context, complaints
    context.close()


def problems(page: Page) -> list[str]:
    """What axe finds, and whether the page is wider than the screen."""
    # By the debugger rather than a script element: the page's own policy would refuse that, as it should.
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    told = [
        f"{violation['id']}: {violation['help']} ({', '.join(str(node['target']) for node in violation['nodes'][:3])})"
        for violation in found["violations"]
    ]
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
