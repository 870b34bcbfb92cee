"""User and capabilities of the server. PostgreSQL refuses to run as root, so root runs it as an unprivileged user.

That user must reach files that may be in a directory only root can enter, without widening any permissions. The server
therefore keeps at most one capability across the change of user, the weakest that suffices: none, else reading any
directory, else overriding file permissions (the only one of them in a container's usual set). Copies elsewhere would
remain after the checkout is deleted, and containers forbid user namespaces.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

UNPRIVILEGED_USER = "nobody"
WEAKEST_FIRST = ("", "dac_read_search", "dac_override")


class CannotDropPrivileges(Exception):
    """The server cannot be run as an unprivileged user here."""


def owner(data: Path) -> pwd.struct_passwd:
    """User of the server: the owner of existing data, else the caller, or an unprivileged user if that is root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    if data.exists() and (uid := data.stat().st_uid) != 0:
        return pwd.getpwuid(uid)
    return pwd.getpwnam(UNPRIVILEGED_USER)


def give(path: Path, user: pwd.struct_passwd) -> None:
    """Make `user` the owner of `path`, if we are root."""
    if os.geteuid() == 0:
        os.chown(path, user.pw_uid, user.pw_gid)


def command_prefix(user: pwd.struct_passwd, directory: Path, program: Path) -> list[str]:
    """Arguments that run a command as `user` when put before it; empty if we are that user already.

    They have been tested: with them, `program --version` runs in `directory`. Raises CannotDropPrivileges.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotDropPrivileges(
            "PostgreSQL does not run as root; install util-linux, whose `setpriv` runs it as another user"
        )
    complaint = ""
    for capability in WEAKEST_FIRST:
        prefix = [setpriv, *_options(user, capability)]
        trial = ["/bin/sh", "-c", 'cd "$1" && exec "$2" --version', "sh", str(directory), str(program)]
        outcome = subprocess.run([*prefix, *trial], capture_output=True, text=True, check=False, cwd="/")
        if outcome.returncode == 0:
            return prefix
        complaint = outcome.stderr.strip() or f"exit code {outcome.returncode}"
    raise CannotDropPrivileges(
        f"PostgreSQL does not run as root, and the user {user.pw_name!r} cannot reach it: {complaint}"
    )


def dying_with_parent(prefix: list[str], signal_name: str = "INT") -> list[str]:
    """`prefix` with arguments that signal the command when its parent dies. INT stops PostgreSQL fast and cleanly.

    Without `setpriv` (macOS) the command survives a `kill -9` of its parent.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return prefix
    return [*(prefix or [setpriv]), "--pdeathsig", signal_name]


def _options(user: pwd.struct_passwd, capability: str) -> list[str]:
    identity = ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    if not capability:
        return [*identity, "--inh-caps=-all"]
    # PostgreSQL checks its binaries with access(2), which ignores a non-root user's capabilities unless
    # no_setuid_fixup is set. noroot prevents regaining capabilities through a set-uid program.
    return [
        *identity,
        "--securebits=+noroot,+no_setuid_fixup",
        f"--inh-caps=-all,+{capability}",
        f"--ambient-caps=+{capability}",
    ]
