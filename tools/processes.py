"""Runs several services: start, wait until ready, watch, stop in order."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded_postgres.privileges import dying_with_parent

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 60.0
LAST_LINES = 20


class Ended(Exception):
    """A service ended or never became ready; the message includes the end of its log."""


@dataclass
class Service:
    """One process with its name, its log, and a function that tests whether it is ready."""

    name: str
    log: Path
    answers: Callable[[], bool]
    stop_within_seconds: float
    process: subprocess.Popen[bytes]

    def check_alive(self) -> None:
        """Raises Ended."""
        if (code := self.process.poll()) is not None:
            how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            raise Ended(f"the {self.name} ended {how}; the end of {self.log}:\n{tail(self.log)}")

    def stop(self) -> None:
        """Terminate the process; kill it after `stop_within_seconds`."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(self.stop_within_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
    answers: Callable[[], bool],
    stop_within_seconds: float,
) -> Service:
    """Start `command` in its own session, so that Ctrl-C reaches only us and we stop services in order.

    If we are killed, the kernel sends it SIGTERM.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*dying_with_parent([], "TERM"), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=directory,
            start_new_session=True,
        )
    return Service(name, log, answers, stop_within_seconds, process)


def wait_until_ready(services: Sequence[Service]) -> None:
    """Return when all services are ready. Raises Ended if one ends or is not ready within PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    waiting = list(services)
    while waiting:
        for service in services:
            service.check_alive()
        waiting = [service for service in waiting if not service.answers()]
        if waiting and time.monotonic() > deadline:
            late = waiting[0]
            said = f"the end of {late.log}:\n{tail(late.log)}"
            raise Ended(f"the {late.name} did not answer within {PATIENCE_SECONDS:.0f} s; {said}")
        time.sleep(POLL_SECONDS)


def watch(services: Sequence[Service]) -> None:
    """Never returns; raises Ended as soon as a service ends."""
    while True:
        for service in services:
            service.check_alive()
        time.sleep(POLL_SECONDS)


def is_taken(port: int) -> bool:
    """Whether a program listens on this port of the loopback.

    Sockets of closed connections do not count. Sharing the port, which gRPC servers allow, counts as taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def accepts(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def is_healthy(port: int) -> bool:
    """Whether `GET /healthz` answers 200. Ignores proxies of the environment."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
