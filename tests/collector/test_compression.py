"""Senders that compress as the processor's gRPC cannot: by way of our collector they are understood."""

from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.collector.parts import LOOPBACK, Collector
from tests.collector.spans import of_test_run, request
from tests.collector.upstream import Upstream

USER = "5f0c4d7e-0000-8000-8000-000000000001"


class CustomersCollector(Collector):
    """One that compresses what it sends on."""

    def __init__(self, folder: Path, compression: str, *, processor_port: int) -> None:
        super().__init__(folder, processor_port=processor_port)
        self.overlay = folder / "compression.yaml"
        self.overlay.write_text(f"exporters:\n  otlp_grpc:\n    compression: {compression}\n")

    def command(self) -> list[str]:
        return [*super().command(), "--config", str(self.overlay)]


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip"])
def test_what_a_customers_collector_compresses_comes_through_ours(
    compression: str, taking: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours = Collector(tmp_path / "ours", processor_port=taking.port)
    theirs = CustomersCollector(tmp_path / "theirs", compression, processor_port=ours.grpc_port)
    span = of_test_run(USER, 1)
    try:
        ours.start()
        theirs.start()
        with grpc.insecure_channel(f"{LOOPBACK}:{theirs.grpc_port}") as channel:
            TraceServiceStub(channel).Export(request([span]), timeout=30)

        [kept] = taking.of_trace(span.trace_id).scope_spans[0].spans
    finally:
        theirs.stop()
        ours.stop()

    assert list(kept.attributes) == list(span.attributes)
