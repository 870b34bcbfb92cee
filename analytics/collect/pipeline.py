"""One process's road from a recorded span to the wire: a private provider, the SDK's batch queue, the gated exporter.

Private: never the global provider, so that an operator's own tracing and this never meet. Started by the first recorded
span, so that a process that records nothing has no thread and no socket, and a forked worker has its own.
"""

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from uuid import UUID

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from analytics.collect.clean import resource
from analytics.collect.exporter import GatedExporter, Withdrawals
from analytics.collect.hint import Hint
from analytics.collect.records import RecordedSpan
from analytics.collect.tally import Outcome, Tally
from analytics.conf import EXPORT_TIMEOUT_SECONDS, Protocol, conf
from privacy.switches import current_switches

# Of the five seconds a process may take to end; the rest is for the export that is under way.
SHUTDOWN_MILLIS = 2_500
DEFAULT_QUEUE_CAPACITY = 2048  # the specification's
TRACES_PATH = "/v1/traces"

hint = Hint()
withdrawals = Withdrawals()
tally = Tally()


def wire_exporter() -> SpanExporter:
    """The OTLP exporter the settings ask for. Connects on first use."""
    if conf.protocol is Protocol.GRPC:
        return GrpcSpanExporter(endpoint=conf.endpoint, headers=conf.headers, timeout=EXPORT_TIMEOUT_SECONDS)
    return HttpSpanExporter(
        endpoint=conf.endpoint.rstrip("/") + TRACES_PATH, headers=conf.headers, timeout=EXPORT_TIMEOUT_SECONDS
    )


def queue_capacity() -> int:
    """The standard variable OTEL_BSP_MAX_QUEUE_SIZE; what is not a positive number counts as unset."""
    word = os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE", "")
    return int(word) if word.isdecimal() and int(word) > 0 else DEFAULT_QUEUE_CAPACITY


class _CountingProcessor(BatchSpanProcessor):
    """The SDK's queue, which drops in silence when it is full; this one counts what it drops."""

    def __init__(self, exporter: GatedExporter) -> None:
        self._capacity = queue_capacity()
        self._waiting = 0
        self._waiting_lock = Lock()
        exporter.on_batch = self._left
        super().__init__(exporter, max_queue_size=self._capacity)

    def on_end(self, span: ReadableSpan) -> None:
        with self._waiting_lock:
            has_room = self._waiting < self._capacity
            self._waiting += has_room
        if has_room:
            super().on_end(span)
        else:
            tally.add(Outcome.DROPPED, "queue_full")

    def _left(self, spans: int) -> None:
        with self._waiting_lock:
            self._waiting -= spans

    def stop(self, timeout_millis: int) -> None:
        """Send what is queued, through the gate, and end; what takes longer than the time given is lost."""
        self._batch_processor.shutdown(timeout_millis=timeout_millis)


class Pipeline:
    """The provider, its queue and its exporter. `record` never blocks, `stop` takes 2.5 seconds at most."""

    def __init__(self, make_wire: Callable[[], SpanExporter] = wire_exporter) -> None:
        self.pid = os.getpid()
        self._processor = _CountingProcessor(GatedExporter(make_wire, hint=hint, tally=tally, withdrawals=withdrawals))
        # Everything said expressly: OTEL_TRACES_SAMPLER and the OTEL_SPAN_* limits, which an operator sets for tracing
        # of their own, change nothing here.
        self.provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource(), shutdown_on_exit=False, span_limits=SpanLimits()
        )
        self.provider.add_span_processor(self._processor)

    def record(self, span: RecordedSpan) -> None:
        self._processor.on_end(span)

    def flush(self) -> None:
        """Export what is queued now, in the calling thread."""
        self._processor.force_flush()

    def stop(self) -> None:
        self._processor.stop(SHUTDOWN_MILLIS)


_pipeline: Pipeline | None = None
_starting = Lock()


def pipeline() -> Pipeline | None:
    """This process's pipeline, started if need be; None while the installation's switches keep telemetry off."""
    running = _pipeline
    if running is not None and running.pid == os.getpid():
        return running
    if not current_switches().allow:
        return None
    return _start(Pipeline)


def _start(make: Callable[[], Pipeline]) -> Pipeline:
    global _pipeline  # noqa: PLW0603  one process, one pipeline
    with _starting:
        if _pipeline is None or _pipeline.pid != os.getpid():
            _pipeline = make()
        return _pipeline


def stop() -> None:
    """End this process's pipeline; the next recorded span starts another. Runs by itself when the process ends."""
    global _pipeline
    ending, _pipeline = _pipeline, None
    if ending is not None and ending.pid == os.getpid():
        ending.stop()


atexit.register(stop)


def _after_fork() -> None:
    global _starting  # noqa: PLW0603  whoever held it is not in the child
    _starting = Lock()
    for shared in (hint, withdrawals, tally):
        shared.start_anew()


os.register_at_fork(after_in_child=_after_fork)


def record(span: RecordedSpan) -> None:
    """Hand a span to the queue, if telemetry is on in this process. Never blocks."""
    running = pipeline()
    if running is not None:
        running.record(span)


@contextmanager
def replaced(make_wire: Callable[[], SpanExporter]) -> Iterator[Pipeline]:
    """For tests: this process's pipeline with another wire, for as long as the block lasts."""
    stop()
    try:
        yield _start(lambda: Pipeline(make_wire))
    finally:
        stop()


def on_consent_changed(*, user_id: UUID | None, enabled: bool, **_: object) -> None:
    """Receiver of `privacy.signals.consent_changed`: takes effect in this process at once."""
    hint.forget(user_id)
    if not enabled:
        withdrawals.note(user_id)
