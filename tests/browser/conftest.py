"""A real Chromium on the real product, whose processor the test can take away."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from embedded_postgres.server import connection_url
from tests.acceptance.product import TABLES, Product, copy_of_the_tree, free_port, running_product, wait_until
from tests.browser import front_ends
from tests.browser.traffic import Traffic
from tools import frontend
from tools.checkout import SetupFailed

CHROMIUM = Path("/usr/bin/chromium")


class Processor:
    """A processor of our own, on the product's database."""

    def __init__(self, tree: Path, port: int) -> None:
        self.tree, self.port = tree, port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        environment = {
            **os.environ,
            **more,
            "DJANGO_SETTINGS_MODULE": "rhesis_site.settings",
            "TELEMETRY_STORED_HERE": "true",
        }
        for name in ("DATABASE_URL", "SECRET_KEY"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run_telemetry_processor", "--listen", f"127.0.0.1:{self.port}"],
            cwd=self.tree,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)
            self.process = None


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Processor]]:
    tree = copy_of_the_tree(tmp_path_factory.mktemp("product"))
    processor = Processor(tree, free_port())
    endpoint = f"http://127.0.0.1:{processor.port}"
    with running_product(tree, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as product:
        processor.start()
        yield product, processor
        processor.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Ends with the file: Playwright's event loop runs as long, and beside it Django refuses to query the database."""
    if not CHROMIUM.exists():
        missing = f"there is no {CHROMIUM}; apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox"],
            # A person's browser has it.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `npm pack` makes of the browser package in a fresh clone."""
    try:
        frontend.node_environment()
    except SetupFailed as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("packed")
    return front_ends.pack(front_ends.fresh_clone(folder / "clone"), folder / "file")


@pytest.fixture(scope="session")
def next_example(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example for Next.js as it is shipped, with the packed package, built once."""
    return front_ends.build(front_ends.NEXT, packed, tmp_path_factory.mktemp("next"))


@pytest.fixture
def product(running: tuple[Product, Processor]) -> Product:
    """With no rows in it."""
    found = running[0]
    with psycopg.connect(connection_url(found.tree / ".local/postgres")) as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
    return found


@pytest.fixture
def processor(running: tuple[Product, Processor]) -> Iterator[Processor]:
    """For tests that take it away; it is back afterwards."""
    found = running[1]
    yield found
    if found.process is None:
        found.start()


class Person:
    """The demo person at a browser of their own."""

    def __init__(self, product: Product, context: BrowserContext) -> None:
        self.product, self.context = product, context
        self.traffic = Traffic(product, context)
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108  a list's method will not do
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on(
            "console",
            lambda message: self.complaints.append(message.text) if message.type in {"error", "warning"} else None,
        )

    def share(self, wanted: bool) -> None:
        """By the API, as another device would."""
        call = "enable" if wanted else "disable"
        requests.put(
            f"{self.product.url}/api/users/telemetry/{call}", headers=self._token(), timeout=10
        ).raise_for_status()

    def _token(self) -> dict[str, str]:
        return dict(self.product.token_client(staff=False).headers)  # type: ignore[arg-type]

    def sign_in(self) -> Page:
        page = self.context.new_page()
        page.goto(f"{self.product.url}/sign-in/")
        credentials = self.product.people[False]
        page.fill("input[name=username]", credentials["username"])
        page.fill("input[name=password]", credentials["password"])
        page.click("main button[type=submit]")
        page.wait_for_url(f"{self.product.url}/")
        return page

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.goto(self.product.url + path)
        wait_for_telemetry(page)
        return page

    def telemetry_requests(self) -> list[Request]:
        return [request for request in self.requests if "/v1/" in request.url or "/telemetry/" in request.url]

    def views(self) -> list[str]:
        """Routes of the stored page views, oldest first."""
        rows = self.product.rows("analytics_feature_usage")
        return [row["metadata"]["route"] for row in rows if row["feature_name"] == "page_view"]

    def settled(self, what: str, ask: Callable[[], Any], wanted: Any) -> None:
        """Wait until `ask` answers `wanted`. Pages go on meanwhile: what they ask of Playwright is answered."""
        last: list[Any] = [None]

        def right() -> bool:
            with suppress(PlaywrightError):  # a page may be closing just now
                for page in self.context.pages[-1:]:
                    page.wait_for_timeout(10)
            last[0] = ask()
            return bool(last[0] == wanted)

        try:
            wait_until(what, right)
        except AssertionError:
            raise AssertionError(f"{what}: {last[0]!r} is not {wanted!r}\n{self.traffic.told()}") from None

    def activities(self, event_type: str) -> list[dict[str, Any]]:
        return [row for row in self.product.rows("analytics_user_activity") if row["event_type"] == event_type]


@pytest.fixture
def person(product: Product, chromium: Browser) -> Iterator[Person]:
    """Signed in nowhere yet, and sharing."""
    context = chromium.new_context()
    found = Person(product, context)
    found.share(True)
    yield found
    found.share(False)  # what the closing pages still send is nothing for the next test
    context.close()


# Notes every request a page makes by itself, also one made as it closes, where the next page of the tab can read it.
NOTE_REQUESTS = """
    const original = globalThis.fetch;
    globalThis.fetch = (url, init) => {
        const noted = JSON.stringify([String(url), init?.body, init?.headers]);
        localStorage.setItem("noted-requests", (localStorage.getItem("noted-requests") ?? "") + noted + "\\n");
        return original(url, init);
    };
"""
MODULE = "await import(document.querySelector('script[data-telemetry]').dataset.telemetry)"


def wait_for_telemetry(page: Page, *, enabled: bool = True) -> None:
    """Until the package has begun on this page, or ended: what is tracked before it begins is not recorded.

    Asked again and again from here, since `wait_for_function` takes the promise of an async function for a yes.
    """
    wait_until("telemetry on the page", lambda: call(page, "telemetry.isTelemetryEnabled()") is enabled)


def call(page: Page, expression: str) -> Any:
    """Evaluate with `telemetry` as the package's module, the same that the page has loaded."""
    return page.evaluate(f"async () => {{ const telemetry = {MODULE}; return {expression}; }}")
