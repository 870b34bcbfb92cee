"""What became of a browser's telemetry: for a test that waits in vain to say at which step something went missing."""

import time
from collections import Counter

import psycopg
from playwright.sync_api import BrowserContext, Request

from embedded_postgres.server import connection_url
from tests.acceptance.product import Product

COUNTED = """
    SELECT concat_ws(' ', 'site:', outcome, reason), sum(spans)::int FROM analytics_export_tally GROUP BY 1
    UNION ALL
    SELECT concat_ws(' ', 'processor:', outcome, reason), sum(spans)::int FROM analytics_ingest_tally GROUP BY 1
"""
LOG_LINES = 15


class Traffic:
    """Every `POST .../v1/traces` of a browser from now on, and what site and processor have counted meanwhile."""

    def __init__(self, product: Product, context: BrowserContext) -> None:
        self._product = product
        self._began = time.monotonic()
        self._before = self._counted()
        self._requests: list[str] = []
        context.on("request", lambda request: self._note(request, f"sent, {spans_of(request)} spans"))
        context.on("response", lambda response: self._note(response.request, f"answered {response.status}"))
        context.on("requestfailed", lambda request: self._note(request, f"failed, {request.failure}"))

    def _note(self, request: Request, what: str) -> None:
        if request.url.endswith("/v1/traces"):
            self._requests.append(f"{time.monotonic() - self._began:.1f} s: {what}")

    def _counted(self) -> Counter[str]:
        with psycopg.connect(connection_url(self._product.tree / ".local/postgres")) as connection:
            return Counter(dict(connection.execute(COUNTED).fetchall()))

    def told(self) -> str:
        log = (self._product.tree / ".local/log/site.log").read_text(errors="replace").splitlines()
        return "\n".join(
            [
                "requests of the browser, in seconds since it began:",
                *self._requests,
                f"counted since it began: {dict(self._counted() - self._before)}",
                "the end of the site's log:",
                *log[-LOG_LINES:],
            ]
        )


def spans_of(request: Request) -> int:
    return (request.post_data or "").count('"spanId"')
