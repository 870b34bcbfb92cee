"""Installs Debian packages, if run as root on a Debian-like machine."""

from __future__ import annotations

import os
import shutil

from . import children
from .checkout import last_words, say


def install(package: str, what_for: str) -> str | None:
    """Install `package` with apt-get, if possible. None on success, otherwise the reason."""
    apt_get = shutil.which("apt-get")
    if os.geteuid() != 0 or apt_get is None:
        return "only root can install it"
    say(f"installing {package} {what_for} (apt-get)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
        outcome = children.run([apt_get, "-qq", *arguments], environment=environment)
        if outcome.returncode != 0:
            return f"that failed here: {last_words(outcome.stderr or outcome.stdout)}"
    return None


def make_sure_of(program: str, package: str, what_for: str) -> None:
    """Install `package`, which contains `program`, or print how to. Never raises: without it tests skip, or fail if
    `CI=true` forbids skipping."""
    if shutil.which(program) or shutil.which(program, path="/usr/sbin"):
        return
    if reason := install(package, f"for the {what_for}"):
        say(f"{what_for} need {program}; on Debian: apt-get install {package} ({reason}). They are skipped without it.")
