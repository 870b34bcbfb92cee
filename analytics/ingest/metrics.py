"""The processor's measurements of itself, by OpenTelemetry's metrics API: nothing of them is about a person.

Without a MeterProvider, which is how the API starts out, they cost next to nothing and go nowhere.
"""

from opentelemetry.metrics import get_meter

from analytics.ingest.writer import Counts

_meter = get_meter("rhesis.telemetry.processor")

spans = _meter.create_counter(
    "rhesis.processor.spans", unit="{span}", description="Spans by outcome (stored, duplicate, rejected) and reason."
)
request_duration = _meter.create_histogram(
    "rhesis.processor.request.duration", unit="s", description="Duration of Export calls by their gRPC status."
)
requests_in_flight = _meter.create_up_down_counter(
    "rhesis.processor.requests.in_flight", unit="{request}", description="Export calls being answered."
)


def count(counts: Counts) -> None:
    """Add a request's committed counts; received is their sum."""
    for (outcome, reason), number in counts.items():
        if number:
            spans.add(number, {"outcome": outcome, "reason": reason} if reason else {"outcome": outcome})
