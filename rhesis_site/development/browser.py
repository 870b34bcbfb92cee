"""The browser that browser tests drive: Debian's chromium."""

from __future__ import annotations

import shutil

from . import debian
from .environment import say


def make_sure_of_chromium() -> None:
    """Install chromium where that is ours to do; else say how. Never an error: the tests that need it skip,
    or fail where `CI=true` says that nothing may be skipped."""
    if shutil.which("chromium"):
        return
    if reason := debian.install("chromium", "for the browser tests"):
        say(
            f"browser tests need chromium; on Debian: apt-get install chromium ({reason}). They are skipped without it."
        )
