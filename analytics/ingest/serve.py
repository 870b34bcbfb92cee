"""One processor process: it listens, serves, and finishes open requests when asked to stop."""

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from analytics.exceptions import AnalyticsError
from analytics.ingest.answer import SERVICE_NAME, TraceService
from analytics.ingest.clock import DatabaseClock
from analytics.ingest.pool import Pool
from analytics.ingest.rejections import rejections
from analytics.ingest.verdict import Erase

logger = logging.getLogger(__name__)

THREADS = 48  # more than LIMIT, so that a refusal never waits for a thread
LIMIT = 32
FRAME_BYTES = 1024 * 1024  # so that a request is one or two frames, not dozens
LARGEST_MESSAGE_BYTES = 4 * 1024 * 1024  # also after unpacking gzip
DRAIN_SECONDS = 10.0
CHECK_SECONDS = 1.0  # how often a worker checks whether its supervisor still runs


class CannotListen(AnalyticsError):
    """The address cannot be listened on."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The PEM files of the server's certificate chain and key."""

    certificate: Path
    key: Path

    def credentials(self) -> grpc.ServerCredentials:
        """Raises CannotListen if a file cannot be read."""
        try:
            return grpc.ssl_server_credentials([(self.key.read_bytes(), self.certificate.read_bytes())])
        except OSError as error:
            raise CannotListen(f"{error.filename} cannot be read: {error.strerror}") from None


class Processor:
    """A gRPC server with its pool of writers. `slot` is the process's number among several on one port.

    `erase` carries out a request to delete. Without it such a request is answered UNAVAILABLE, so the sender
    repeats it.
    """

    def __init__(
        self,
        address: str,
        conninfo: str,
        *,
        api_key: str = "",
        tls: Tls | None = None,
        slot: int = 0,
        erase: Erase | None = None,
    ) -> None:
        self._slot = slot
        self._pool = Pool(conninfo, slot)
        self._health = health.HealthServicer()
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ingest")
        self._server = grpc.server(
            self._threads,
            options=[
                ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
                ("grpc.http2.max_frame_size", FRAME_BYTES),
                ("grpc.so_reuseport", 1 if slot else 0),
            ],
        )
        service = TraceService(self._pool, api_key=api_key, limit=LIMIT, clock=DatabaseClock(conninfo), erase=erase)
        self._server.add_generic_rpc_handlers((service.handler(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            self.port = (
                self._server.add_secure_port(address, tls.credentials())
                if tls
                else self._server.add_insecure_port(address)
            )
        except RuntimeError:
            raise CannotListen(f"{address} cannot be listened on; is something else there?") from None

    def start(self) -> None:
        self._server.start()
        for name in ("", SERVICE_NAME):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        logger.info("Serving: port=%d worker=%d", self.port, self._slot)

    def ask_to_stop(self) -> None:
        """Safe in a signal handler."""
        self._stopping.set()

    def wait(self, *, supervisor: int = 0) -> None:
        """Serve until asked to stop, or until the parent is no longer the process `supervisor`; then `stop`."""
        while not self._stopping.wait(CHECK_SECONDS):
            rejections.log()
            if supervisor and os.getppid() != supervisor:
                break
        self.stop()

    def stop(self) -> None:
        """Finish open requests within DRAIN_SECONDS. New requests are answered UNAVAILABLE meanwhile."""
        logger.info("Draining: port=%d", self.port)
        self._health.enter_graceful_shutdown()
        self._server.stop(DRAIN_SECONDS).wait()
        self._pool.close()
        rejections.log(ending=True)
        self._threads.shutdown()
        logger.info("Ended: port=%d", self.port)
