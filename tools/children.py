"""Child processes of set-up steps. Each one ends with its step and with this process, even if that is killed."""

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
    """Run `command` in its own process group, without input. At the end of the block, the whole group is ended.

    An installer starts other processes, which a signal to the installer alone would not end. If this process is killed,
    the kernel signals the command.
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
    """Run `command` to its end; returns its output and exit code."""
    with child(
        command, environment=environment, directory=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _end(process: subprocess.Popen[str]) -> None:
    """Terminate the group; kill it after END_WITHIN_SECONDS, or on a second interrupt."""
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(END_WITHIN_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
