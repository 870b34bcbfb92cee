"""The processor's own metrics, through OpenTelemetry's metrics API. None is about a person.

Until `export_to` installs a MeterProvider they are not recorded, at almost no cost.
"""

import os
from pathlib import Path
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import get_meter, set_meter_provider
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource

from analytics import otel
from analytics.ingest.verdict import PART, Counts

# This variable is for the host's metrics. The API would load that provider, or fail, instead of the one below.
os.environ.pop("OTEL_PYTHON_METER_PROVIDER", None)
_meter = get_meter("rhesis.telemetry.processor")

spans = _meter.create_counter(
    "rhesis.processor.spans",
    unit="{span}",
    description="Spans by outcome (stored, duplicate, rejected), reason and sender.",
)
parts_dropped = _meter.create_counter(
    "rhesis.processor.parts_dropped", unit="{part}", description="Parts that stored spans are stored without."
)
request_duration = _meter.create_histogram(
    "rhesis.processor.request.duration", unit="s", description="Duration of Export calls by their gRPC status."
)
requests_in_flight = _meter.create_up_down_counter(
    "rhesis.processor.requests.in_flight", unit="{request}", description="Export calls being answered."
)


def export_to(endpoint: str) -> None:
    """Export the metrics of this process to `endpoint` by OTLP over HTTP, periodically and at its end.

    `analytics.otel` declares the variables for it, such as OTEL_METRIC_EXPORT_INTERVAL.
    """
    # The SDK also reads other variables, among them headers, which may contain a key for another address.
    for name in [name for name in os.environ if name.startswith(("OTEL_EXPORTER_OTLP_", "OTEL_PYTHON_EXPORTER_OTLP_"))]:
        del os.environ[name]
    # The SDK reads these two from the environment only.
    for setting in (otel.METRICS_TEMPORALITY, otel.METRICS_AGGREGATION):
        os.environ[setting.name] = str(setting.value)
    exporter = OTLPMetricExporter(
        endpoint=endpoint,
        headers=otel.METRICS_HEADERS.value,
        compression=Compression(otel.METRICS_COMPRESSION.value.value),
        certificate_file=_path(otel.METRICS_CERTIFICATE.value),
        client_key_file=_path(otel.METRICS_CLIENT_KEY.value),
        client_certificate_file=_path(otel.METRICS_CLIENT_CERTIFICATE.value),
        timeout=otel.METRICS_TIMEOUT.value / 1000,
    )
    reader = PeriodicExportingMetricReader(
        exporter,
        export_interval_millis=otel.METRICS_INTERVAL.value,
        export_timeout_millis=otel.METRICS_TIMEOUT.value,
    )
    # Each worker has its own id, so that their counters stay apart.
    resource = Resource.create({SERVICE_NAME: "rhesis-telemetry-processor", SERVICE_INSTANCE_ID: str(uuid4())})
    set_meter_provider(MeterProvider([reader], resource=resource, exemplar_filter=AlwaysOffExemplarFilter()))


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def count(counts: Counts) -> None:
    """Add a request's committed counts. Their sum is the number of received spans."""
    for fate, number in counts.items():
        attributes = {name: value for name, value in fate._asdict().items() if value}
        if number and fate.outcome == PART:
            parts_dropped.add(number, {"part": fate.reason, "sender": fate.sender})
        elif number:
            spans.add(number, attributes)
