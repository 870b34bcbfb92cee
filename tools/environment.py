"""The environment to work in: a `.venv` with what requirements-dev.txt names, made once and kept up to date.

On a server, `.venv` has what requirements.txt names and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from embedded_postgres.place import exclusively

from . import children, frontend
from .checkout import LOCAL, PYTHON, ROOT, VENV, SetupFailed, last_words, say

REQUIREMENTS = ROOT / "requirements-dev.txt"
OF_PRODUCTION = ROOT / "requirements.txt"
INSTALLED = VENV / "installed-requirements.sha256"
PRODUCTION_MARK = "production "  # before the digest
PACKAGES_PER_PROGRESS_LINE = 20


def set_up(*, production: bool = False) -> None:
    """Do every step that is not done yet. Two at once take turns. Raises SetupFailed."""
    requirements = OF_PRODUCTION if production else REQUIREMENTS
    LOCAL.mkdir(exist_ok=True)
    os.environ.update(own_caches(os.environ))
    with exclusively(LOCAL / "setup.lock", lambda holder: say(f"waiting for another set-up ({holder})")):
        for title, is_done, do in STEPS:
            if not is_done(requirements):
                say(title)
                do(requirements)


def own_caches(environment: Mapping[str, str]) -> dict[str, str]:
    """Cache folders inside the project for pip, uv, npm and Go, where the account's own cannot be written; else none.

    The account's are better: every checkout of the machine shares them.
    """
    home = Path(environment.get("HOME") or Path.home())
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    if _is_writable(home) and _is_writable(cache):
        return {}
    own = LOCAL / "cache"
    folders = {"XDG_CACHE_HOME": own, "npm_config_cache": own / "npm", "GOPATH": own / "go"}
    named = {name for name in folders if environment.get(name) and _is_writable(Path(environment[name]))}
    return {name: str(folder) for name, folder in folders.items() if name not in named}


def _is_writable(folder: Path) -> bool:
    """Whether a file can be made in `folder`, which is made first if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _venv_is_made(requirements: Path) -> bool:
    """Whether there is a Python that starts (the one it links to may be gone) and what we install with.

    One with the packages of development is none for production.
    """
    if not PYTHON.exists():
        return False
    if requirements == OF_PRODUCTION and INSTALLED.exists() and not INSTALLED.read_text().startswith(PRODUCTION_MARK):
        return False
    probe = "pass" if shutil.which("uv") else "import pip"
    return subprocess.run([str(PYTHON), "-c", probe], capture_output=True, check=False).returncode == 0


def _make_venv(_: Path) -> None:
    if VENV.exists():
        shutil.rmtree(VENV)
    uv = shutil.which("uv")
    command = [uv, "venv", "--quiet", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    outcome = children.run([*command, str(VENV)])
    if outcome.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        hint = " (on Debian: apt-get install python3-venv)" if "ensurepip" in outcome.stdout + outcome.stderr else ""
        raise SetupFailed(f"could not make {VENV}{hint}: {last_words(outcome.stderr or outcome.stdout)}")


def _fingerprint(requirements: Path) -> str:
    """Of what would be installed: both files are compiled, so they name every package themselves."""
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    return f"{PRODUCTION_MARK}{digest}" if requirements == OF_PRODUCTION else digest


def _packages_are_installed(requirements: Path) -> bool:
    return INSTALLED.exists() and INSTALLED.read_text() == _fingerprint(requirements)


def _install_packages(requirements: Path) -> None:
    """Install with uv when it is there, else with pip, saying now and then how far it is."""
    total = sum(1 for line in requirements.read_text().splitlines() if "==" in line)
    uv = shutil.which("uv")
    if uv:
        say(f"  {total} packages, with uv")
        command = [uv, "pip", "install", "--python", str(PYTHON), "-r", str(requirements)]
    else:
        say(f"  {total} packages, with pip: a minute or two the first time")
        command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        command += ["--progress-bar", "off", "-r", str(requirements)]
    lines: list[str] = []
    seen = 0
    with children.child(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith("Collecting "):
                seen += 1
                if seen % PACKAGES_PER_PROGRESS_LINE == 0:
                    say(f"  {seen} of {total} fetched")
            elif line.startswith("Installing collected"):
                say("  installing")
        process.wait()
    if process.returncode != 0:
        complaints = [line for line in lines if "error" in line.lower()]
        raise SetupFailed(f"could not install {requirements.name}: {last_words(''.join(complaints or lines))}")
    INSTALLED.write_text(_fingerprint(requirements))


def _set_up_frontend(requirements: Path) -> None:
    frontend.build()
    if requirements == OF_PRODUCTION:
        frontend.remove_node()


def _frontend_is_built(_: Path) -> bool:
    return frontend.is_built()


# In this order; each is skipped when it is done. A step is a title, whether it is done, and how to do it,
# both given the file of requirements.
STEPS: list[tuple[str, Callable[[Path], bool], Callable[[Path], None]]] = [
    ("making .venv", _venv_is_made, _make_venv),
    ("installing packages", _packages_are_installed, _install_packages),
    ("building the browser package", _frontend_is_built, _set_up_frontend),
]
