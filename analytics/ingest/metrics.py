"""The processor's measurements of itself, by OpenTelemetry's metrics API: nothing of them is about a person.

Without a MeterProvider, which is how the API starts out, they cost next to nothing and go nowhere.
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

# For the host's metrics: the API would load what it names, or fail, instead of waiting for the provider below.
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
    """Send the measurements of this process there by OTLP over HTTP, and once more at its end.

    `analytics.otel` declares the variables for it, such as OTEL_METRIC_EXPORT_INTERVAL.
    """
    # The SDK adds what other variables say to its arguments, among them headers with a key for another address.
    for name in [name for name in os.environ if name.startswith(("OTEL_EXPORTER_OTLP_", "OTEL_PYTHON_EXPORTER_OTLP_"))]:
        del os.environ[name]
    # These two it takes from the environment alone.
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
    # Several workers count the same things, each for itself.
    resource = Resource.create({SERVICE_NAME: "rhesis-telemetry-processor", SERVICE_INSTANCE_ID: str(uuid4())})
    set_meter_provider(MeterProvider([reader], resource=resource, exemplar_filter=AlwaysOffExemplarFilter()))


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def count(counts: Counts) -> None:
    """Add a request's committed counts; received is their sum."""
    for fate, number in counts.items():
        attributes = {name: value for name, value in fate._asdict().items() if value}
        if number and fate.outcome == PART:
            parts_dropped.add(number, {"part": fate.reason, "sender": fate.sender})
        elif number:
            spans.add(number, attributes)
