"""Programs that set-up steps run to their end: each ends with its step, and with us, however that comes about."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from embedded_postgres.privileges import dying_with_parent

END_WITHIN_SECONDS = 5.0


@contextmanager
def child(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | str | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """`command` in a process group of its own, without input. What is left of the group at the block's end is ended.

    An installer starts others (a build, a node), which a signal to it alone would leave behind. If we are killed
    ourselves, the kernel signals the command.
    """
    process = subprocess.Popen(
        [*dying_with_parent([], "TERM"), *command],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
        env=environment,
        cwd=directory,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            _end(process)
        if process.stdout is not None:
            process.stdout.close()


def run(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, directory: Path | str | None = None
) -> subprocess.CompletedProcess[str]:
    """What `command` printed and its exit code, once it has ended."""
    with child(
        command, environment=environment, directory=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the group to end; kill it when it does not, or when we are interrupted once more."""
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(END_WITHIN_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
