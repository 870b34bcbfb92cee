"""What the processor measures of itself, and that it says nothing about anyone."""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest
from opentelemetry import metrics as api
from opentelemetry.metrics import _internal
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint

from analytics.ingest import metrics
from analytics.ingest.verdict import Fate
from tests.acceptance.product import wait_until
from tests.analytics.ingest.conftest import Client
from tests.analytics.ingest.processes import command
from tests.analytics.ingest.spans import TEST_RUN, span

Point = NumberDataPoint | HistogramDataPoint


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    """Of a MeterProvider that replaces our instruments for one test; the API lets one be set but once a process."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    meter = provider.get_meter("a test's")
    monkeypatch.setattr(metrics, "spans", meter.create_counter("spans"))
    monkeypatch.setattr(metrics, "parts_dropped", meter.create_counter("parts"))
    monkeypatch.setattr(metrics, "request_duration", meter.create_histogram("duration"))
    monkeypatch.setattr(metrics, "requests_in_flight", meter.create_up_down_counter("in_flight"))
    yield reader
    provider.shutdown()


def points(reader: InMemoryMetricReader, name: str) -> list[Point]:
    data = reader.get_metrics_data()
    found = [metric for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]
    return [point for metric in found if metric.name == name for point in metric.data.data_points]


def test_spans_are_counted_by_outcome_and_reason(reader: InMemoryMetricReader, client: Client) -> None:
    same = span()
    client.export(same, span({}), span({}))
    client.export(same)

    counted = {tuple(sorted(dict(point.attributes or {}).items())): point.value for point in points(reader, "spans")}  # type: ignore[union-attr]

    assert counted == {
        (("outcome", "stored"),): 1,
        (("outcome", "duplicate"),): 1,
        (("outcome", "rejected"), ("reason", "not_telemetry"), ("sender", "rhesis-backend")): 2,
    }


def test_parts_that_are_left_out_are_counted_apart(reader: InMemoryMetricReader, client: Client) -> None:
    client.export(span({**TEST_RUN, "metadata.email": "jane@example.org", "metadata.phone": "1"}))

    [point] = points(reader, "parts")
    assert (point.value, point.attributes) == (2, {"part": "metadata_key", "sender": "rhesis-backend"})  # type: ignore[union-attr]
    [stored] = points(reader, "spans")
    assert (stored.value, stored.attributes) == (1, {"outcome": "stored"})  # type: ignore[union-attr]


def test_the_duration_of_each_call_is_measured_by_its_status(reader: InMemoryMetricReader, client: Client) -> None:
    client.export(span())
    client.export(span())
    with pytest.raises(grpc.RpcError):
        client.send(b"\xff")

    def by_status() -> Counter[str]:
        found: Counter[str] = Counter()
        for point in points(reader, "duration"):
            assert isinstance(point, HistogramDataPoint)
            found[str((point.attributes or {})["rpc.response.status_code"])] += point.count
        return found

    # The answer may be there a moment before the measurement.
    wait_until("three calls", lambda: by_status() == {"OK": 2, "INVALID_ARGUMENT": 1})


def test_in_the_end_nothing_is_in_flight(reader: InMemoryMetricReader, client: Client) -> None:
    client.export(span())

    def in_flight() -> list[object]:
        return [point.value for point in points(reader, "in_flight")]  # type: ignore[union-attr]

    wait_until("none in flight", lambda: in_flight() == [0])


def test_nobody_is_in_any_measurement(reader: InMemoryMetricReader, client: Client) -> None:
    client.export(span(), span({"event.category": "user_activity", "user.id": "somebody@example.org"}))

    said = reader.get_metrics_data().to_json()

    assert "5f0c4d7e" not in said and "somebody" not in said


def test_they_are_sent_to_the_endpoint_that_is_set(transactional_db: None) -> None:
    received: list[bytes] = []

    class Metrics(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with HTTPServer(("127.0.0.1", 0), Metrics) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}/v1/metrics"
        environment = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "200"}
        with command("--listen", "127.0.0.1:0", **environment) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                Client(channel, port).export(span(), span({}))
            wait_until("a measurement", lambda: any(b"rhesis.processor.spans" in body for body in received))
        server.shutdown()

    assert any(b"not_telemetry" in body and b"rhesis-telemetry-processor" in body for body in received)
    assert not any(b"5f0c4d7e" in body for body in received)


def test_without_a_meter_provider_nothing_is_kept() -> None:
    metrics.count(Counter({Fate("stored"): 5}))

    assert isinstance(api.get_meter_provider(), _internal._ProxyMeterProvider)
