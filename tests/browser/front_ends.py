"""The shipped examples of front ends, built and started as somebody would who installs the packed package.

Next.js is some 370 MB, so an example's own packages are installed outside the checkout, once for each lock file, and
every checkout of this machine can use them.
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded_postgres.place import exclusively
from tests.acceptance.product import free_port
from tools import frontend, processes


@dataclass(frozen=True)
class Example:
    """`name` is its folder; `program` starts its own server; `built` is what `npm run build` makes."""

    name: str
    program: tuple[str, ...]
    built: str
    configuration: str

    @property
    def folder(self) -> Path:
        return frontend.FRONTEND / "examples" / self.name


NEXT = Example("next", ("node_modules/next/dist/bin/next", "start", "--hostname"), ".next", "next.config.ts")
VITE = Example("vite", ("node_modules/vite/bin/vite.js", "preview", "--strictPort", "--host"), "dist", "vite.config.js")


def npm(*arguments: str, directory: Path, **environment: str) -> str:
    """What it printed. Fails the test if it fails."""
    outcome = npm_outcome(*arguments, directory=directory, **environment)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def npm_outcome(*arguments: str, directory: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["npm", *arguments],
        cwd=directory,
        env={**frontend.node_environment(), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def fresh_clone(into: Path) -> Path:
    """The package's folder as a clone has it: nothing installed, nothing built."""
    _copy(frontend.FRONTEND, _sources(frontend.FRONTEND), into)
    return into


def pack(folder: Path, into: Path) -> Path:
    """The file that `npm pack` in `folder` makes."""
    into.mkdir(exist_ok=True)
    npm("pack", "--silent", "--pack-destination", str(into), directory=folder)
    (packed,) = into.iterdir()
    return packed


def build(example: Example, packed: Path, into: Path) -> Path:
    """Type-check and build the example with the `packed` package, and copy the result. Where it is, ready to start.

    Two builds take turns, and leave each other's results alone.
    """
    place = _cache() / hashlib.sha256((example.folder / "package-lock.json").read_bytes()).hexdigest()[:16]
    app = place / "frontend" / "examples" / example.name
    app.mkdir(parents=True, exist_ok=True)
    with exclusively(place / "building.lock"):
        _empty(app, but="node_modules")
        _copy(example.folder, _sources(example.folder), app)
        if not (app / "node_modules").exists():
            _unpack(packed, place / "frontend")  # where the example's own package.json expects it
            npm("ci", "--no-progress", directory=app)
        npm("install", "--no-save", "--no-progress", str(packed), directory=app)
        npm("run", "build", directory=app, NEXT_TELEMETRY_DISABLED="1")
        ready = into / example.name
        ready.mkdir()
        _copy(app, ["package.json", example.configuration], ready)
        shutil.copytree(app / example.built, ready / example.built, ignore=shutil.ignore_patterns("cache"))
        (ready / "node_modules").symlink_to(app / "node_modules")
    return ready


@contextmanager
def started(example: Example, app: Path, site: str) -> Iterator[str]:
    """The address of the example, whose own server passes the site's addresses on to `site`."""
    port = free_port()
    environment = {**frontend.node_environment(), "RHESIS_SITE": site, "NEXT_TELEMETRY_DISABLED": "1"}
    service = processes.start(
        f"{example.name} example",
        ["node", *example.program, "127.0.0.1", "--port", str(port)],
        environment=environment,
        directory=app,
        log=app / "server.log",
        answers=lambda: processes.accepts(port),
        stop_within_seconds=10,
    )
    try:
        processes.wait_until_ready([service])
        yield f"http://127.0.0.1:{port}"
    finally:
        service.stop()


def _sources(folder: Path) -> list[str]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    said = subprocess.run(listing, cwd=folder, check=True, capture_output=True, text=True).stdout
    return [name for name in said.split("\0") if name and (folder / name).is_file()]


def _unpack(packed: Path, to: Path) -> None:
    with tarfile.open(packed) as archive:
        for member in archive.getmembers():
            member.name = member.name.removeprefix("package/")
            archive.extract(member, to, filter="data")


def _copy(source: Path, names: list[str], to: Path) -> None:
    for name in names:
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target)


def _empty(folder: Path, *, but: str) -> None:
    for path in folder.iterdir():
        if path.name != but:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rhesis-telemetry" / "examples"
