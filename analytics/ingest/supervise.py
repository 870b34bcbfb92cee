"""Runs several processor processes on one port, and restarts those that end."""

import logging
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

from analytics.ingest.serve import DRAIN_SECONDS

logger = logging.getLogger(__name__)
# How often workers are checked, which also limits how fast one is restarted again and again.
CHECK_SECONDS = 1.0
WRONG_USAGE = 2


def supervise(commands: list[list[str]]) -> int:
    """Run each command as a worker until SIGTERM or SIGINT, and restart workers that end by themselves.

    Workers are separate programs, because gRPC does not work after a fork. Returns the exit code: 0, or WRONG_USAGE if
    a worker ended with it, since restarting that worker would not help.
    """
    stopping = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    workers = [_start(command) for command in commands]
    code = 0
    while not code and not stopping.wait(CHECK_SECONDS):
        for index, worker in enumerate(workers):
            if worker.poll() == WRONG_USAGE:
                code = WRONG_USAGE
            elif worker.returncode is not None:
                logger.error("Worker ended, starting it again: worker=%d code=%d", index + 1, worker.returncode)
                workers[index] = _start(commands[index])
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(DRAIN_SECONDS + 5)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
    return code


def worker_commands(arguments: list[str], workers: int) -> list[list[str]]:
    """Return each worker's command line: this program's own, its supervisor's process id and its number."""
    own = [sys.executable, *sys.argv[:1], *arguments, "--supervisor", str(os.getpid())]
    return [[*own, "--worker", str(number + 1)] for number in range(workers)]


def _start(command: list[str]) -> "subprocess.Popen[bytes]":
    # In its own session a worker gets no Ctrl-C, only our SIGTERM. The command is this same program.
    return subprocess.Popen(command, start_new_session=True)  # noqa: S603
