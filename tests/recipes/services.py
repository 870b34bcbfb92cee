"""The services of docs/connect.md: how each is built from the document's files, and started."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import requests

from embedded_postgres.place import exclusively
from tests.acceptance.product import free_port
from tests.collector.parts import LOOPBACK, Part
from tests.profile import LONG
from tests.recipes import documented
from tools import frontend

HERE = Path(__file__).parent
NO_ANSWER = 0  # the service hangs up on a request that broke


@dataclass(frozen=True)
class Recipe:
    """`build` makes it in a folder that has its files; `command` starts it there, on a port."""

    name: str
    files: tuple[str, ...]
    build: Callable[[Path], None]
    command: Callable[[Path, int], list[str]]
    route: str  # of /projects/7
    broken_status: int = 500
    edits: tuple[tuple[str, str], ...] = ()  # what the document warns of, written into its files: old text, new text

    def __str__(self) -> str:
        return self.name


def _installed(kind: str, *manifests: Path, install: Callable[[Path], None]) -> Path:
    """A folder with what the manifests name: installed once for each version of them, for all checkouts."""
    digest = hashlib.sha256(b"".join(manifest.read_bytes() for manifest in manifests)).hexdigest()[:16]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = caches / "rhesis-telemetry" / "recipes" / f"{kind}-{digest}"
    place.mkdir(parents=True, exist_ok=True)
    with exclusively(place / "building.lock"):
        if not (place / "installed").exists():
            for manifest in manifests:
                shutil.copy(manifest, place)
            install(place)
            (place / "installed").touch()
    return place


def _run(*command: str, directory: Path, **environment: str) -> None:
    outcome = subprocess.run(
        command,
        cwd=directory,
        env={**frontend.node_environment(), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout[-5000:] + outcome.stderr[-5000:]


def _needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on this machine")


@cache
def _python() -> Path:
    """The programs of an environment with the recipes' packages."""

    def install(place: Path) -> None:
        _run(sys.executable, "-m", "venv", "venv", directory=place)
        options = ("--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps")  # the list is whole
        _run("venv/bin/python", "-m", "pip", "install", *options, "-r", "requirements.txt", directory=place)

    return _installed("python", HERE / "requirements.txt", install=install) / "venv" / "bin"


def _python_is_there(folder: Path) -> None:
    _python()


def _flask(folder: Path, port: int) -> list[str]:
    return [str(_python() / "flask"), "--app", str(folder / "flask_app.py"), "run", f"--port={port}"]


def _fastapi(folder: Path, port: int) -> list[str]:
    return [str(_python() / "uvicorn"), "--app-dir", str(folder), f"--port={port}", "fastapi_app:app"]


def _django(folder: Path, port: int) -> list[str]:
    return [str(_python() / "python"), str(folder / "django_project.py"), str(port)]


def _project(folder: Path) -> None:
    _python()
    shutil.copy(HERE / "django_project.py", folder)


def _npm(folder: Path) -> None:
    manifests = [HERE / "node" / name for name in ("package.json", "package-lock.json", ".npmrc")]
    installed = _installed(
        "node", *manifests, install=lambda place: _run("npm", "ci", "--ignore-scripts", directory=place)
    )
    (folder / "node_modules").symlink_to(installed / "node_modules")


def _express(folder: Path, port: int) -> list[str]:
    node = shutil.which("node", path=frontend.node_environment()["PATH"])
    return [str(node), "--require", str(folder / "telemetry.js"), str(folder / "app.js")]


def _go(folder: Path) -> None:
    _needs("go")
    for name in ("go.mod", "go.sum"):
        shutil.copy(HERE / "go" / name, folder)
    _run("go", "build", "-o", "shop", ".", directory=folder)


def _maven(folder: Path) -> None:
    _needs("mvn")
    shutil.copy(HERE / "java" / "pom.xml", folder)
    source = folder / "src" / "main" / "java" / "shop" / "Shop.java"
    source.parent.mkdir(parents=True)
    (folder / "Shop.java").rename(source)
    _run("mvn", "-q", "-B", "compile", "dependency:copy-dependencies", directory=folder)


def _spring(folder: Path, port: int) -> list[str]:
    return [
        "java",
        "-cp",
        f"{folder}/target/classes:{folder}/target/dependency/*",
        "shop.Shop",
        f"--server.port={port}",
    ]


PYTHON = [
    Recipe("flask", ("telemetry.py", "flask_app.py"), _python_is_there, _flask, "/projects/{project_id}"),
    Recipe("fastapi", ("telemetry.py", "fastapi_app.py"), _python_is_there, _fastapi, "/projects/{project_id}"),
    Recipe("django", ("telemetry.py", "django_telemetry.py"), _project, _django, "/projects/{project_id}"),
]
EXPRESS = Recipe("express", ("telemetry.js", "app.js"), _npm, _express, "/projects/{id}")
# Their toolchains fetch and compile for about a minute each on a fresh machine.
GO = Recipe("go", ("main.go",), _go, lambda folder, port: [str(folder / "shop")], "/projects/{id}", NO_ANSWER)
COMPILED = [
    GO,
    Recipe("spring", ("Shop.java",), _maven, _spring, "/projects/{id}"),
]
RECIPES = [*PYTHON, EXPRESS, *(COMPILED if LONG else [])]


class Service(Part):
    """One of them, running."""

    def __init__(self, recipe: Recipe, folder: Path, endpoint: str) -> None:
        super().__init__(folder)
        self.port, self._recipe, self._endpoint = free_port(), recipe, endpoint

    def command(self) -> list[str]:
        return self._recipe.command(self.folder, self.port)

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME", "LANG") if name in os.environ}
        return {
            **kept,
            **documented.variables(),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "PORT": str(self.port),
        }

    def answers(self) -> bool:
        return self.get("/", user="") != NO_ANSWER

    def get(self, path: str, *, user: str) -> int:
        """The status. The caller's own trace is not sampled, as many a browser's or proxy's is not."""
        headers = {"X-User": user, "traceparent": f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-00"}
        try:
            answer = requests.get(f"http://{LOOPBACK}:{self.port}{path}", headers=headers, timeout=60)
        except requests.ConnectionError:
            return NO_ANSWER
        return answer.status_code
