"""Packages of the machine, where it is Debian's kind and they are ours to install."""

from __future__ import annotations

import os
import shutil

from . import children
from .checkout import last_words, say


def install(package: str, what_for: str) -> str | None:
    """Install `package` with apt-get, if we are root and there is one. None if it is installed now; else why not."""
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
    """Install `package`, which has `program`, where that is ours to do; else print how. Never an error: the tests that
    need it skip, or fail where `CI=true` says that nothing may be skipped."""
    if shutil.which(program) or shutil.which(program, path="/usr/sbin"):
        return
    if reason := install(package, f"for the {what_for}"):
        say(f"{what_for} need {program}; on Debian: apt-get install {package} ({reason}). They are skipped without it.")
