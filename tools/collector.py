"""Builds the OpenTelemetry Collector of deploy/collector/ with Go, once for each builder.yaml, and caches it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
from pathlib import Path

from embedded_postgres.place import exclusively

from . import children, debian
from .checkout import ROOT, SetupFailed, last_words, say

FOLDER = ROOT / "deploy" / "collector"
MANIFEST = FOLDER / "builder.yaml"
BUILDER = "go.opentelemetry.io/collector/cmd/builder"
PROGRAM = "rhesis-collector"
USUAL_GO = Path("/usr/local/go/bin/go")  # location of Go's own archive, often not on PATH
# Version that the collector's modules need. Go 1.21 and newer download it themselves; Debian 12 has 1.19.
GO_VERSION = "1.26.0"
FETCHES_BY_ITSELF = (1, 21)
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def binary() -> Path:
    """Path of the collector, which is built first if missing. That takes minutes and needs the module proxy.

    Concurrent builds wait for each other. Raises SetupFailed.
    """
    built = _cache() / _fingerprint() / PROGRAM
    if built.exists():
        return built
    built.parent.mkdir(parents=True, exist_ok=True)
    with exclusively(
        _cache() / "building.lock", lambda holder: say(f"waiting for another build of the collector ({holder})")
    ):
        if not built.exists():
            _build(built)
    return built


def configuration(name: str, *more: str) -> list[str]:
    """Arguments that make the collector run with deploy/collector/NAME.yaml, the catalogue's allow-list, and `more`."""
    return [word for each in (name, "allow-list", *more) for word in ("--config", str(FOLDER / f"{each}.yaml"))]


def make_sure_of_collector() -> None:
    """Build the collector for the tests. Never raises: without it tests skip, or fail if `CI=true` forbids skipping."""
    try:
        binary()
    except (SetupFailed, OSError) as error:
        say(f"{error}. The tests of the collector are skipped without it.")


def _cache() -> Path:
    """Cache folder shared by all checkouts, because a build takes minutes.

    If the account's cache is not writable, `own_caches` has set XDG_CACHE_HOME to a folder of the checkout.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rhesis-telemetry" / "collector"


def _fingerprint() -> str:
    """Digest of everything that determines the binary."""
    machine = f"{platform.system()} {platform.machine()} {GO_VERSION}"
    return hashlib.sha256(MANIFEST.read_bytes() + machine.encode()).hexdigest()[:16]


def _release() -> str:
    """Release of the collector and of its builder."""
    found = re.search(r"^ +version: (\S+)$", MANIFEST.read_text(), re.MULTILINE)
    if found is None:
        raise SetupFailed(f"{MANIFEST} names no version")
    return found[1]


def _build(built: Path) -> None:
    release, environment = _release(), _environment()
    go = _go(environment)
    say(f"building the OpenTelemetry Collector {release} (some minutes, once)")
    # On the file system of the result, so that a rename moves it there.
    with tempfile.TemporaryDirectory(dir=built.parent) as folder:
        _run([go, "install", f"{BUILDER}@v{release}"], {**environment, "GOBIN": folder}, folder)
        builder_environment = {**environment, "PATH": f"{Path(go).parent}{os.pathsep}{environment.get('PATH', '')}"}
        _run([f"{folder}/builder", "--config", str(MANIFEST)], builder_environment, folder)
        (Path(folder) / "build" / PROGRAM).replace(built)


def _environment() -> dict[str, str]:
    """The caller's environment plus Go's variables. Without CGO, the binary depends on no library of the machine."""
    defaults = {"HOME": str(Path.home()), "GOTOOLCHAIN": "auto"}
    return {**defaults, **os.environ, "CGO_ENABLED": "0"}


def _go(environment: dict[str, str]) -> str:
    """Path of a Go that is new enough. Raises SetupFailed."""
    go = shutil.which("go") or (str(USUAL_GO) if USUAL_GO.exists() else None)
    if go is None:
        if reason := debian.install("golang-go", "to build the OpenTelemetry Collector"):
            raise SetupFailed(f"the OpenTelemetry Collector is built with Go, which is missing: {reason}")
        go = "/usr/bin/go"
    said = _run([go, "version"], environment, "/")
    found = re.search(r"go(\d+)\.(\d+)", said)
    if found is None:
        raise SetupFailed(f"{go} prints no version: {last_words(said)}")
    is_new = (int(found[1]), int(found[2])) >= FETCHES_BY_ITSELF
    return go if is_new else _newer_go(go, environment)


def _newer_go(go: str, environment: dict[str, str]) -> str:
    """Download a newer Go as a module with verified checksum, as newer releases do themselves."""
    machine = MACHINES.get(platform.machine(), platform.machine())
    toolchain = f"golang.org/toolchain@v0.0.1-go{GO_VERSION}.{platform.system().lower()}-{machine}"
    say(f"fetching Go {GO_VERSION}")
    _run([go, "mod", "download", toolchain], environment, "/")
    modules = _run([go, "env", "GOMODCACHE"], environment, "/").strip()
    folder = Path(modules) / toolchain
    # The older Go does not set the execute bit on files of modules.
    for program in [*folder.glob("bin/*"), *folder.glob("pkg/tool/*/*")]:
        program.chmod(0o755)
    return str(folder / "bin" / "go")


def _run(command: list[str], environment: dict[str, str], folder: str) -> str:
    """Output of the command. Raises SetupFailed with the end of its error output."""
    outcome = children.run(command, environment=environment, directory=folder)
    if outcome.returncode != 0:
        reason = last_words(outcome.stderr or outcome.stdout)
        raise SetupFailed(f"could not build the OpenTelemetry Collector: {Path(command[0]).name}: {reason}")
    return outcome.stdout
