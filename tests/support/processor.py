"""A telemetry processor as a process of its own, on a database of the test's choice."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.acceptance.product import free_port, wait_until
from tests.analytics.ingest.processes import serves
from tests.support.databases import ROOT, clean_environment

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@contextmanager
def processor_on(database_url: str, **environment: str) -> Iterator[int]:
    """Its port, once it serves. At the end it must go in peace."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_telemetry_processor", "--listen", f"127.0.0.1:{port}"],
        cwd=ROOT,
        env=clean_environment(**{"DATABASE_URL": database_url, **environment}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def is_up() -> bool:
        assert process.poll() is None, process.communicate()[1]
        return serves(port)

    try:
        wait_until("the processor", is_up)
        yield port
        process.terminate()
        _, log = process.communicate(timeout=60)
        assert process.returncode == 0, log
    finally:
        process.kill()
        process.wait()


def send(
    port: int, request: ExportTraceServiceRequest, *, metadata: tuple[tuple[str, str], ...] = ()
) -> ExportTraceServiceResponse:
    """Raises grpc.RpcError."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(EXPORT)
        answer = call(request.SerializeToString(), timeout=60, wait_for_ready=True, metadata=metadata)
        return ExportTraceServiceResponse.FromString(answer)
