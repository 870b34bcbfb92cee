"""The running product's site once more, on the same database and in another environment."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.acceptance.product import Product, free_port
from tools import processes

THE_TESTS_OWN = {"DATABASE_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "DJANGO_DEBUG"}


@contextmanager
def another_site(product: Product, *, port: int | None = None, **environment: str) -> Iterator[str]:
    """Its address. Who is signed in on the product is signed in here: it is the same host, and ports share cookies."""
    port = port or free_port()
    # What the tests' settings put into this process's environment is not the product's.
    inherited = {name: value for name, value in os.environ.items() if name not in THE_TESTS_OWN}
    telemetry = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{product.processor_port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        "NEXT_PUBLIC_OTEL_ENDPOINT": "/v1/traces",
        "TELEMETRY_STORED_HERE": "true",
        "DJANGO_HTTPS": "false",
        "DATABASE_URL": "embedded:site",  # the product's own, whose folder it is in
    }
    site = processes.start(
        "site",
        [sys.executable, "-m", "gunicorn", "rhesis_site.wsgi", f"--bind=127.0.0.1:{port}", "--threads=4"],
        environment={**inherited, **telemetry, **environment},
        directory=product.tree,
        log=product.tree / ".local" / "log" / f"site-{port}.log",
        answers=lambda: processes.is_healthy(port),
        stop_within_seconds=20,
    )
    try:
        processes.wait_until_ready([site])
        yield f"http://127.0.0.1:{port}"
    finally:
        site.stop()
