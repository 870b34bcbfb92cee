"""The site under ASGI, beside the one under WSGI: the same people, the same promises."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.acceptance.product import Product, copy_of_the_tree, free_port, running_product, wait_until

pytestmark = pytest.mark.acceptance
PREVIEW = "/api/users/telemetry/preview"


@contextmanager
def under_asgi(product: Product) -> Iterator[str]:
    """Another server of the same site; ends in good order, which sends what is queued."""
    port = free_port()
    own = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{product.processor_port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "DJANGO_HTTPS": "false",
        "DJANGO_SETTINGS_MODULE": "rhesis_site.settings",
        "TELEMETRY_STORED_HERE": "true",
    }
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DJANGO_", "TELEMETRY_"))
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "rhesis_site.asgi:application", f"--port={port}", "--log-level=warning"],
        cwd=product.tree,
        env={**inherited, **own},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until("uvicorn", lambda: server.poll() is None and _answers(f"{url}/healthz"))
        yield url
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    finally:
        server.kill()
        server.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).status_code == 200
    except requests.RequestException:
        return False


def test_requests_under_asgi_are_recorded_inside_consent_and_only_there(tmp_path: Path) -> None:
    with running_product(copy_of_the_tree(tmp_path)) as product:
        person = product.token_client(staff=False)
        with under_asgi(product) as url:
            assert person.get(f"{url}{PREVIEW}").status_code == 200
            person.put(f"{url}/api/users/telemetry/enable").raise_for_status()
            assert person.get(f"{url}{PREVIEW}?q=4711").status_code == 200
            person.put(f"{url}/api/users/telemetry/disable").raise_for_status()
            assert person.get(f"{url}{PREVIEW}").status_code == 200
            person.put(f"{url}/api/users/telemetry/enable").raise_for_status()
            assert person.delete(f"{url}{PREVIEW}").status_code == 405
        # The queue is sent in its order and to its end, so that nothing is still to come.
        wait_until("the last request", lambda: [row for row in _previews(product) if row == ("DELETE", 405)])
        # What was done before the second opt-in went with the withdrawal, had it not been sent yet.
        assert _previews(product) in ([("DELETE", 405)], [("GET", 200), ("DELETE", 405)])
        assert not any("4711" in str(row) for row in product.all_rows())


def _previews(product: Product) -> list[tuple[str, int]]:
    rows = product.rows("analytics_endpoint_usage")
    return [(row["method"], row["status_code"]) for row in rows if row["endpoint"] == PREVIEW]
