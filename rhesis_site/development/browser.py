"""The browser that browser tests drive: Debian's chromium."""

from __future__ import annotations

import os
import shutil
import subprocess

from .environment import last_words, say


def make_sure_of_chromium() -> None:
    """Install chromium where that is ours to do; else say how. Never an error: the tests that need it skip,
    or fail where `CI=true` says that nothing may be skipped."""
    if shutil.which("chromium"):
        return
    how = "browser tests need chromium; on Debian: apt-get install chromium"
    apt_get = shutil.which("apt-get")
    if os.geteuid() != 0 or apt_get is None:
        say(f"{how}. They are skipped without it.")
        return
    say("installing chromium for the browser tests (apt-get)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        outcome = subprocess.run(
            [apt_get, "-qq", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if outcome.returncode != 0:
            say(f"{how}. That failed here: {last_words(outcome.stderr or outcome.stdout)}")
            return
