"""The example for Next.js, built and started as somebody would who installs the package.

Next.js is some 370 MB, so it is installed outside the checkout, once for each lock file, and every checkout of this
machine can use it.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded_postgres.place import exclusively
from tests.acceptance.product import free_port
from tools import frontend, processes

EXAMPLE = frontend.FRONTEND / "examples" / "next"
# What the package's own manifest says it consists of.
PACKAGE = ("package.json", "dist")


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


def build(into: Path, **environment: str) -> Path:
    """Type-check and build the example with what this checkout has built, and copy the result. Where it is, ready to
    start. Two builds take turns, and leave each other's results alone."""
    place = _cache() / hashlib.sha256((EXAMPLE / "package-lock.json").read_bytes()).hexdigest()[:16]
    app = place / "frontend" / "examples" / "next"
    app.mkdir(parents=True, exist_ok=True)
    with exclusively(place / "building.lock"):
        _copy(frontend.FRONTEND, PACKAGE, place / "frontend")
        shutil.rmtree(app / ".next" / "static", ignore_errors=True)
        _copy(EXAMPLE, _sources(), app)
        installed = app / "node_modules" / "@rhesis" / "telemetry"
        if not installed.exists():
            npm("ci", "--no-progress", directory=app)
        # What was installed once may be an older build of ours.
        _copy(frontend.FRONTEND, PACKAGE, installed)
        npm("run", "build", directory=app, NEXT_TELEMETRY_DISABLED="1", **environment)
        ready = into / "next-example"
        ready.mkdir()
        _copy(app, ["package.json", "next.config.ts"], ready)
        shutil.copytree(app / ".next", ready / ".next", ignore=shutil.ignore_patterns("cache"))
        (ready / "node_modules").symlink_to(app / "node_modules")
    return ready


@contextmanager
def started(app: Path, site: str) -> Iterator[str]:
    """The address of the example, whose own server passes the site's addresses on to `site`."""
    port = free_port()
    environment = {**frontend.node_environment(), "RHESIS_SITE": site, "NEXT_TELEMETRY_DISABLED": "1"}
    service = processes.start(
        "Next.js example",
        ["node", "node_modules/next/dist/bin/next", "start", "--port", str(port), "--hostname", "127.0.0.1"],
        environment=environment,
        directory=app,
        log=app / "next.log",
        answers=lambda: processes.accepts(port),
        stop_within_seconds=10,
    )
    try:
        processes.wait_until_ready([service])
        yield f"http://127.0.0.1:{port}"
    finally:
        service.stop()


def _sources() -> list[str]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    said = subprocess.run(listing, cwd=EXAMPLE, check=True, capture_output=True, text=True).stdout
    return [name for name in said.split("\0") if name]


def _copy(source: Path, names: list[str] | tuple[str, ...], to: Path) -> None:
    for name in names:
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source / name, target)
        else:
            shutil.copy2(source / name, target)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rhesis-telemetry" / "next-example"
