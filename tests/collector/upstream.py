"""Stands where the processor would and keeps what it is sent, to see what the collector lets through."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans


@dataclass
class Upstream(TraceServiceServicer):
    """`metadata` is of the last call."""

    port: int = 0
    resource_spans: list[ResourceSpans] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def Export(  # noqa: N802  gRPC's own name
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        with self.arrived:
            self.metadata = {str(key): str(value) for key, value in context.invocation_metadata()}
            self.resource_spans += request.resource_spans
            self.arrived.notify_all()
        return ExportTraceServiceResponse()

    def of_trace(self, trace_id: bytes) -> ResourceSpans:
        """The one that holds the span of this trace, when it has come; the test's own time limit is the bound."""

        def found() -> ResourceSpans | None:
            for each in self.resource_spans:
                if any(span.trace_id == trace_id for scope in each.scope_spans for span in scope.spans):
                    return each
            return None

        with self.arrived:
            self.arrived.wait_for(lambda: found() is not None)
            one = found()
        assert one is not None
        return one


@contextmanager
def upstream() -> Iterator[Upstream]:
    with ThreadPoolExecutor(4) as threads:
        server, taking = grpc.server(threads), Upstream()
        add_TraceServiceServicer_to_server(taking, server)
        taking.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield taking
        finally:
            server.stop(None).wait()
