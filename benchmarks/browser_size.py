"""The size of browser telemetry: our package, and the same three calls with the stock web SDK and exporter.

`frontend/bench/size.mjs` bundles both in the same way. Then the benchmark starts the product and opens its pages in a
real Chromium, for a person who does not share and for one who does. It counts the bytes of telemetry that were
transferred, compressed.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.acceptance.product import Product, copy_of_the_tree, running_product
from tools import frontend

CHROMIUM = "/usr/bin/chromium"
LARGEST_GZIP = 12_000  # bytes
PAGES = ("/", "/settings/privacy/", "/settings/password/")


def bundled() -> dict[str, dict[str, int]]:
    """Return the sizes in bytes, `raw` and `gzip`, of our `loader`, of `ours` and of `stock`."""
    outcome = subprocess.run(
        ["node", "bench/size.mjs"],
        cwd=frontend.FRONTEND,
        env=frontend.node_environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    sizes: dict[str, dict[str, int]] = json.loads(outcome.stdout)
    return sizes


def is_telemetry(request: Request) -> bool:
    return "/telemetry/" in request.url or "/v1/" in request.url


def over_the_wire(product: Product, chromium: Browser, *, shares: bool) -> tuple[int, int]:
    """Bytes of telemetry scripts fetched, and requests of telemetry made, by a person who opens some pages."""
    call = "enable" if shares else "disable"
    client = product.token_client(staff=False)
    client.put(f"{product.url}/api/users/telemetry/{call}", timeout=10).raise_for_status()
    context = chromium.new_context()
    session = product.browser(staff=False).cookies["sessionid"]
    context.add_cookies([{"name": "sessionid", "value": session, "url": product.url}])
    seen: list[Request] = []
    page = context.new_page()
    page.on("request", lambda request: seen.append(request) if is_telemetry(request) else None)
    for path in PAGES:
        look_at(page, product.url + path, shares=shares)
    scripts = [request for request in seen if request.url.endswith(".js") and request.response() is not None]
    size = sum(request.sizes()["responseBodySize"] for request in scripts)
    requests = len(seen)
    context.close()
    return size, requests


def look_at(page: Page, url: str, *, shares: bool) -> None:
    page.goto(url)
    if shares:
        page.wait_for_function("sessionStorage.length > 0")  # it has begun
    page.wait_for_load_state("networkidle")


def main() -> None:
    sizes = bundled()
    ours = {kind: sizes["loader"][kind] + sizes["ours"][kind] for kind in ("raw", "gzip")}
    stock = sizes["stock"]
    print("What browser telemetry weighs, bundled and minified in the same way:")
    for what, size in (
        ("ours: consent, catalogue, routes, queue, retries", ours),
        ("stock web SDK and exporter, the three calls only", stock),
    ):
        print(f"  {what:<52} {size['gzip']:7,} bytes gzip  {size['raw']:8,} raw")
    ratio = ours["gzip"] / stock["gzip"]
    print(f"  ours to stock: {ratio:.2f}   (ours wanted at most {LARGEST_GZIP:,} bytes gzip)")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_product(copy_of_the_tree(Path(folder))) as product,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        print(f"What a real Chromium fetched on {len(PAGES)} pages:")
        for shares, who in ((False, "somebody who does not share"), (True, "somebody who does")):
            fetched, requests = over_the_wire(product, chromium, shares=shares)
            wanted = LARGEST_GZIP if shares else 0
            line = f"{fetched:7,} bytes in {requests} requests of telemetry"
            print(f"  {who:<52} {line}   (wanted at most {wanted:,} bytes)")
        chromium.close()


if __name__ == "__main__":
    main()
