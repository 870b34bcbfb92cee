"""Several processor processes on one port, kept alive by the one that started them."""

import logging
import signal
import subprocess
import sys
import threading
from types import FrameType

from analytics.ingest.server import DRAIN_SECONDS

logger = logging.getLogger(__name__)
# A worker that dies sooner than this after its start is not restarted in a hurry.
BREATH_SECONDS = 1.0


def supervise(commands: list[list[str]]) -> int:
    """Run each command as a worker until SIGTERM or SIGINT; one that ends by itself is started again.

    Started as programs of their own, because gRPC does not survive a fork. Returns 0.
    """
    stopping = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    workers = [_start(command) for command in commands]
    while not stopping.wait(BREATH_SECONDS):
        for index, worker in enumerate(workers):
            if worker.poll() is not None:
                logger.error("Worker %d ended with %s; starting it again", index + 1, worker.returncode)
                workers[index] = _start(commands[index])
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(DRAIN_SECONDS + 5)
        except subprocess.TimeoutExpired:
            worker.kill()
    return 0


def worker_commands(arguments: list[str], workers: int) -> list[list[str]]:
    """The command line of each worker: this program's own, with the number of the worker."""
    return [[sys.executable, *sys.argv[:1], *arguments, "--worker", str(number + 1)] for number in range(workers)]


def _start(command: list[str]) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C reaches it through us, once. The command is this very program.
    return subprocess.Popen(command, start_new_session=True)  # noqa: S603
