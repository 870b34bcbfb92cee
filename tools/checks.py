"""Static checks of the code, run by `dev.py check`."""

from __future__ import annotations

import os
import secrets
import subprocess
import time

from . import documents
from .checkout import PYTHON, ROOT, say, value_of

# The entry point instead of the console script, which stops working when a checkout is moved.
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
BROWSER_PACKAGE = "from tools import frontend; frontend.check()"

CHECKS: dict[str, list[str]] = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "mypy dev.py": ["-m", "mypy", "dev.py"],
    "import-linter": ["-c", LINT_IMPORTS],
    "frontend": ["-c", BROWSER_PACKAGE],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run", "--settings", "tests.settings"],
    "documentation": documents.BUILD_PAGES,
    "deployment": ["manage.py", "check", "--deploy", "--fail-level", "WARNING"],
}


def production_like() -> dict[str, str]:
    """The caller's environment plus the variables a deployment must set, so that `check --deploy` tests the settings.

    The database stays the same.
    """
    deployment = {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "telemetry.example.org",
        "DJANGO_DEBUG": "false",
        "DJANGO_HTTPS": "true",
    }
    database = value_of("DATABASE_URL", os.environ, ROOT / ".env").strip() or "embedded"
    return {**os.environ, **deployment, "DATABASE_URL": database}


def run_all() -> bool:
    """Run every check; print the output of failed ones and a summary. Returns whether all passed."""
    failed = []
    for name, arguments in CHECKS.items():
        began = time.monotonic()
        outcome = subprocess.run(
            [str(PYTHON), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=production_like() if name == "deployment" else None,
            cwd=ROOT,
            check=False,
        )
        result = "ok" if outcome.returncode == 0 else "FAILED"
        say(f"{name:14} {result:6} {time.monotonic() - began:5.1f} s")
        if outcome.returncode != 0:
            failed.append(name)
            say(outcome.stdout.rstrip())
    say(f"check: {len(failed)} of {len(CHECKS)} failed: {', '.join(failed)}" if failed else "check: all passed")
    return not failed
