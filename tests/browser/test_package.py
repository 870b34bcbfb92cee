"""The package's own tests, by Node's runner, and its example for Next.js."""

import os
import subprocess
from pathlib import Path

from benchmarks import browser_size
from rhesis_site.development import frontend

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "frontend" / "examples" / "next"


def npm(*arguments: str, directory: Path, **environment: str) -> None:
    outcome = subprocess.run(
        ["npm", *arguments],
        cwd=directory,
        env={**frontend.node_environment(), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_package_passes_its_own_tests() -> None:
    npm("test", directory=frontend.FRONTEND)


def test_whoever_consents_downloads_no_more_than_12_kb_and_less_than_the_stock_packages_weigh() -> None:
    sizes = browser_size.bundled()
    ours = sizes["loader"]["gzip"] + sizes["ours"]["gzip"]

    assert ours <= browser_size.LARGEST_GZIP
    assert ours < sizes["stock"]["gzip"]


# Not a skipped test: installing and building Next.js takes a minute, which the normal profile does not have.
if os.environ.get("TELEMETRY_TEST_PROFILE") == "long":

    def test_the_example_for_next_type_checks_and_builds() -> None:
        npm("ci", directory=EXAMPLE)
        npm("run", "build", directory=EXAMPLE, NEXT_PUBLIC_OTEL_ENDPOINT="/v1/traces", NEXT_TELEMETRY_DISABLED="1")
        chunks = [path.read_text() for path in (EXAMPLE / ".next" / "static").rglob("*.js")]
        assert any("X-Telemetry-Page" in chunk for chunk in chunks), "the package is in no bundle"
