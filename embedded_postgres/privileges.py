"""As whom the server runs. PostgreSQL refuses root, so root hands it to a user without rights.

That user must still reach files which may lie in a directory only root can enter, and no directory's
permissions may be widened for it. So the server keeps at most one capability across the change of user,
the weakest that is enough: none, else to pass and read any directory, else to override file permissions
(the only one of them in a container's usual set). Copying the binaries and the data elsewhere would leave
both behind when the checkout is deleted; a user namespace would do as well, but containers forbid it.
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
    """The server cannot be run as anybody but root here."""


def owner(data: Path) -> pwd.struct_passwd:
    """Who runs the server: whoever has the data already; else the caller; for root, a user without rights."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    if data.exists() and (uid := data.stat().st_uid) != 0:
        return pwd.getpwuid(uid)
    return pwd.getpwnam(UNPRIVILEGED_USER)


def give(path: Path, user: pwd.struct_passwd) -> None:
    """Hand something we have just made to `user`."""
    if os.geteuid() == 0:
        os.chown(path, user.pw_uid, user.pw_gid)


def command_prefix(user: pwd.struct_passwd, directory: Path, program: Path) -> list[str]:
    """The words to put before a command so that it runs as `user`; none when we are that user already.

    What is returned was tried: it could enter `directory` and execute `program --version`.
    Raises CannotDropPrivileges.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotDropPrivileges(
            "PostgreSQL does not run as root, and `setpriv` (package util-linux) to run it as somebody else is missing"
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
    """`prefix`, and the command gets a signal when its parent dies. INT makes PostgreSQL stop quickly and cleanly.

    Without `setpriv` (macOS) a process merely survives a `kill -9` of its parent.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return prefix
    return [*(prefix or [setpriv]), "--pdeathsig", signal_name]


def _options(user: pwd.struct_passwd, capability: str) -> list[str]:
    identity = ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    if not capability:
        return [*identity, "--inh-caps=-all"]
    # PostgreSQL asks access(2) about its own binaries, which disregards a non-root user's capabilities
    # unless no_setuid_fixup is set; noroot makes sure they are not regained through a set-uid program.
    return [
        *identity,
        "--securebits=+noroot,+no_setuid_fixup",
        f"--inh-caps=-all,+{capability}",
        f"--ambient-caps=+{capability}",
    ]
