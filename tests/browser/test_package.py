"""The package's own tests, by Node's runner, what it weighs, and its example for Next.js."""

from pathlib import Path

import pytest

from benchmarks import browser_size
from tests.browser import next_app
from tools import frontend


def test_the_package_passes_its_own_tests() -> None:
    next_app.npm("test", directory=frontend.FRONTEND)


def test_whoever_consents_downloads_no_more_than_12_kb_and_less_than_the_stock_packages_weigh() -> None:
    sizes = browser_size.bundled()
    ours = sizes["loader"]["gzip"] + sizes["ours"]["gzip"]

    assert ours <= browser_size.LARGEST_GZIP
    assert ours < sizes["stock"]["gzip"]


@pytest.mark.timeout(900)  # the first time it is installed, on any network
def test_the_example_for_next_type_checks_and_builds(next_example: Path) -> None:
    chunks = [path.read_text() for path in (next_example / ".next" / "static").rglob("*.js")]
    assert any("X-Telemetry-Page" in chunk for chunk in chunks), "the package is in no bundle"
