"""The parts of a deployment as real processes that can be killed, frozen and started again."""

import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from psycopg.pq import PGconn, Ping

from embedded_postgres import cluster, privileges
from embedded_postgres.place import Place
from tests.acceptance.product import free_port, wait_until
from tools import collector, processes
from tools.checkout import SetupFailed

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"


def built_or_skipped() -> None:
    """Skips the test where the collector cannot be built; fails it where CI says that nothing may be skipped."""
    try:
        collector.binary()
    except SetupFailed as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


class Part(ABC):
    """One of them. `start` returns when it answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / f"{type(self).__name__.lower()}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def environment(self) -> dict[str, str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    def start(self) -> None:
        def has_started() -> bool:
            # A killed server's last children may hold its place for another moment, and the new one ends.
            if self._process is None or self._process.poll() is not None:
                self._launch()
            return self.answers()

        wait_until(f"{type(self).__name__}, which said: {self.log}", has_started)

    def kill(self) -> None:
        """As `kill -9` does it, children included."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)

    def _launch(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*privileges.dying_with_parent([], "KILL"), *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd=ROOT,
            )

    def _signal(self, number: int) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        for pid in [self._process.pid, *_children(self._process.pid)]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue  # it has ended since we looked


def _children(parent: int) -> Iterable[int]:
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, which may hold anything, stands in parentheses; the parent is the second word after it.
            words = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(words[1]) == parent:
            yield int(status.parent.name)


class Collector(Part):
    """The real one, with deploy/collector/one-machine.yaml and `overlays`."""

    def __init__(self, folder: Path, *, processor_port: int, overlays: tuple[str, ...] = (), **variables: str) -> None:
        super().__init__(folder)
        self._overlays = overlays
        self.grpc_port, self.http_port, self._health_port, self._metrics_port = (free_port() for _ in range(4))
        self._processor_port, self._variables = processor_port, variables

    @property
    def http_url(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def grpc_url(self) -> str:
        return f"http://{LOOPBACK}:{self.grpc_port}"

    def command(self) -> list[str]:
        return [str(collector.binary()), *collector.configuration("one-machine", *self._overlays)]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "COLLECTOR_GRPC": f"{LOOPBACK}:{self.grpc_port}",
            "COLLECTOR_HTTP": f"{LOOPBACK}:{self.http_port}",
            "COLLECTOR_PROCESSOR": f"{LOOPBACK}:{self._processor_port}",
            "COLLECTOR_HEALTH": f"{LOOPBACK}:{self._health_port}",
            "COLLECTOR_METRICS_PORT": str(self._metrics_port),
            "COLLECTOR_QUEUE": str(self.folder / "queue"),
            **self._variables,
        }

    def answers(self) -> bool:
        return processes.is_healthy(self._health_port)


class Processor(Part):
    def __init__(self, folder: Path, *, database_url: str) -> None:
        super().__init__(folder)
        self.port, self._database_url = free_port(), database_url

    def command(self) -> list[str]:
        return [sys.executable, "manage.py", "run_telemetry_processor", "--listen", f"{LOOPBACK}:{self.port}"]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self._database_url,
            "SECRET_KEY": "a key for tests, long enough to be no warning: 0123456789",
            "ALLOWED_HOSTS": "localhost",
            "OTEL_API_KEY": "",
            "TELEMETRY_CATALOGUES": "",
            "ANALYTICS_DATABASE_URL": "",
        }

    def manage(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            check=True,
            capture_output=True,
        )

    def answers(self) -> bool:
        with grpc.insecure_channel(f"{LOOPBACK}:{self.port}") as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


class Postgres(Part):
    """A server of our own, made of the embedded one's pieces, without its supervisor, which would mend it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._place = Place(folder / "postgres")
        self._place.make()
        self._prefix = privileges.command_prefix(
            privileges.owner(self._place.data), self._place.root, cluster.binaries() / "initdb"
        )
        cluster.make_if_missing(self._place, self._prefix)
        self._sockets = cluster.make_socket_directory(self._place)

    @property
    def url(self) -> str:
        return cluster.url(self._place, self._sockets)

    def command(self) -> list[str]:
        return [*self._prefix, *cluster.server_command(self._place, self._sockets)]

    def environment(self) -> dict[str, str]:
        return dict(cluster.ENVIRONMENT)

    def answers(self) -> bool:
        return PGconn.ping(psycopg.conninfo.make_conninfo(self.url, connect_timeout=3).encode()) == Ping.OK

    def stop(self) -> None:
        super().stop()
        cluster.remove_socket_directory(self._place)
