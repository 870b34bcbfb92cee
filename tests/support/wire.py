"""This process's telemetry pipeline with its far end in the test's hand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.test import override_settings
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from analytics.collect import pipeline
from analytics.collect.transport import Send, StillPermitted
from analytics.collect.transport.answers import Answer, Fate, Reason, refused
from privacy.process import start_anew

# Nothing listens there, and nothing is sent there: the wire is replaced.
ENDPOINT = "http://127.0.0.1:9"
TELEMETRY_ON: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}


@dataclass
class Wire:
    """A transport that keeps what is put on it, as spans and as the bytes OTLP makes of them; refuses or breaks when
    told to. `answers`: what is answered first, in their order."""

    spans: list[ReadableSpan] = field(default_factory=list)
    sent: bytes = b""
    failing: bool = False
    breaking: Exception | None = None
    answers: list[Answer] = field(default_factory=list)

    @contextmanager
    def connected(self, deadline: float) -> Iterator[Send]:
        yield self.send

    def send(self, spans: Sequence[ReadableSpan], still_permitted: StillPermitted) -> Answer:
        if self.breaking is not None:
            raise self.breaking
        still_permitted()
        self.spans += spans
        self.sent += encode_spans(spans).SerializeToString()
        if self.answers:
            return self.answers.pop(0)
        return refused(Reason.REFUSED) if self.failing else Answer(Fate.TAKEN)

    def abort(self) -> None:
        """Nothing is held."""

    def attributes(self) -> list[dict[str, Any]]:
        """The attributes of each span, in the order they were sent."""
        return [dict(span.attributes or {}) for span in self.spans]

    def of(self, category: str) -> list[dict[str, Any]]:
        return [each for each in self.attributes() if each["event.category"] == category]


@contextmanager
def wired(**settings: Any) -> Iterator[tuple[Wire, pipeline.Pipeline]]:
    """Telemetry switched on, to a wire of our own; queued spans go when the test flushes, and not before."""
    wire = Wire()
    pipeline.hint.forget(None)
    with override_settings(**TELEMETRY_ON, **settings), pipeline.replaced(lambda: wire) as running:
        try:
            yield wire, running
        finally:
            # In this thread and so in the test's transaction; the queue's own thread would find nobody there.
            running.flush()
    start_anew(pipeline.tally)
