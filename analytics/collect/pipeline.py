"""The process's pipeline for recorded spans: private provider, the SDK's batch queue, the gated exporter.

It never uses the global provider, so an operator's own tracing stays separate. The first recorded span starts it, so a
process that records nothing has no thread and no socket, and each forked worker has its own.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from analytics.collect import ends
from analytics.collect.clean import resource
from analytics.collect.exporter import GatedExporter
from analytics.collect.hint import Hint
from analytics.collect.records import UNLIMITED, RecordedSpan
from analytics.collect.tally import Outcome, Tally
from analytics.collect.transport import Tls, Transport
from analytics.collect.transport.otlp_grpc import GrpcTransport
from analytics.collect.transport.otlp_http import HttpTransport
from analytics.conf import Protocol, conf
from privacy.elapsed import elapsed
from privacy.keys import Key
from privacy.process import OnePerProcess, anew_in_children
from privacy.switches import current_switches

# Parts of the five seconds in which a process ends: sending the queue, then aborting and counting the rest.
SENDING_AT_END_SECONDS = 2.5
COUNTING_AT_END_SECONDS = 1.0
TRACES_PATH = "/v1/traces"

hint = anew_in_children(Hint())
tally = anew_in_children(Tally())


def make_transport() -> Transport:
    """The configured transport. Uses `conf` only, never the environment directly.

    Raises ValueError for invalid settings, which `manage.py check` reports.
    """
    tls = Tls(conf.certificate, conf.client_certificate, conf.client_key)
    if conf.protocol is Protocol.GRPC:
        return GrpcTransport(conf.endpoint, headers=conf.headers, compress=conf.compress, tls=tls)
    return HttpTransport(conf.endpoint.rstrip("/") + TRACES_PATH, headers=conf.headers, compress=conf.compress, tls=tls)


class _CountingProcessor(BatchSpanProcessor):
    """The SDK's queue, plus counts of the spans it drops when it is full or its time is over."""

    def __init__(
        self, exporter: GatedExporter, *, queue_capacity: int, batch_size: int, schedule_delay_seconds: float
    ) -> None:
        self._exporter = exporter
        self._capacity = queue_capacity
        self._waiting = 0
        self._waiting_lock = Lock()
        exporter.on_batch, exporter.on_end = self._left, self._abandoned
        # Every argument is given: the SDK reads OTEL_BSP_* for those that are not.
        super().__init__(
            exporter,
            max_queue_size=queue_capacity,
            schedule_delay_millis=schedule_delay_seconds * 1000,
            max_export_batch_size=min(batch_size, queue_capacity),
            export_timeout_millis=1000,  # of no effect there: `Sender` has the deadline
            meter_provider=NoOpMeterProvider(),  # OTEL_PYTHON_METER_PROVIDER may name what is not there
        )

    def on_end(self, span: ReadableSpan) -> None:
        with self._waiting_lock:
            fits = self._waiting < self._capacity
            self._waiting += fits
        if fits:
            super().on_end(span)
        else:
            tally.add(Outcome.DROPPED, "queue_full")

    def _left(self, spans: int) -> None:
        with self._waiting_lock:
            self._waiting -= spans

    def _abandoned(self) -> None:
        """Count spans that cannot be sent in time."""
        with self._waiting_lock:
            waiting, self._waiting = self._waiting, 0
        tally.add(Outcome.DROPPED, "process_ended", waiting)

    def stop(self) -> None:
        """Send queued spans with consent, and end; spans not sent in time are dropped and counted."""
        self._exporter.sender.end_by(elapsed.now() + SENDING_AT_END_SECONDS)
        self._batch_processor.shutdown(timeout_millis=int(SENDING_AT_END_SECONDS * 1000))
        # That has aborted a running attempt; its thread now writes the counts.
        self._batch_processor._worker_thread.join(COUNTING_AT_END_SECONDS)


class Pipeline:
    """The provider, its queue and its exporter. `record` never blocks, `stop` takes 3.5 seconds at most.

    `queue_capacity` and `batch_size` are numbers of spans, `schedule_delay_seconds` is the longest wait for a batch to
    fill: what OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE and OTEL_BSP_SCHEDULE_DELAY name. A batch size
    above the queue's is cut to it. `timeout_seconds` (OTEL_BSP_EXPORT_TIMEOUT, OTEL_EXPORTER_OTLP_TIMEOUT) is for one
    batch with all its attempts.
    """

    def __init__(
        self,
        make_transport: Callable[[], Transport],
        *,
        queue_capacity: int,
        batch_size: int,
        schedule_delay_seconds: float,
        timeout_seconds: float,
    ) -> None:
        self._exporter = GatedExporter(make_transport, hint=hint, tally=tally, seconds=timeout_seconds)
        self._processor = _CountingProcessor(
            self._exporter,
            queue_capacity=queue_capacity,
            batch_size=batch_size,
            schedule_delay_seconds=schedule_delay_seconds,
        )
        # All arguments are explicit, so that an operator's OTEL_TRACES_SAMPLER and OTEL_SPAN_* limits have no effect.
        self.provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource(),
            shutdown_on_exit=False,
            span_limits=UNLIMITED,
            meter_provider=NoOpMeterProvider(),
        )
        self.provider.add_span_processor(self._processor)

    def record(self, span: RecordedSpan) -> None:
        self._processor.on_end(span)

    def flush(self) -> bool:
        """Export queued spans in the calling thread; returns whether the collector accepted all permitted ones."""
        failures = self._exporter.failures
        self._processor.force_flush()
        return self._exporter.failures == failures

    def stop(self) -> None:
        self._processor.stop()


def configured(make_transport: Callable[[], Transport] = make_transport, **options: Any) -> Pipeline:
    """The pipeline configured by the standard variables; `options` take precedence."""
    asked_for: dict[str, Any] = {
        "queue_capacity": conf.queue_capacity,
        "batch_size": conf.batch_size,
        "schedule_delay_seconds": conf.schedule_delay_seconds,
        "timeout_seconds": conf.export_timeout_seconds,
    }
    return Pipeline(make_transport, **{**asked_for, **options})


_of_process: OnePerProcess[Pipeline] = OnePerProcess()
stop = _of_process.stop  # `ends` runs it when the process ends
ends.register(stop)


def pipeline() -> Pipeline | None:
    """This process's pipeline, started if necessary; None while a switch keeps telemetry off."""
    return _of_process.running() or (_of_process.started(_begun) if current_switches().allow else None)


def _begun(make: Callable[[], Pipeline] = configured) -> Pipeline:
    begun = make()
    ends.listen()
    return begun


def flush(seconds: float) -> bool:
    """Export queued spans in another thread; returns whether the collector accepted all of them within `seconds`."""
    running = _of_process.running()
    if running is None:
        return True
    taken: list[bool] = []
    return ends.within(seconds, lambda: taken.append(running.flush())) and all(taken)


def record(span: RecordedSpan) -> None:
    """Queue a span, if telemetry is on in this process. Never blocks."""
    running = pipeline()
    if running is not None:
        running.record(span)


def replaced(make_transport: Callable[[], Transport], **options: Any) -> AbstractContextManager[Pipeline]:
    """For tests: this process's pipeline with another transport, within the block."""
    return _of_process.replaced(lambda: _begun(lambda: configured(make_transport, **options)))


def on_consent_changed(*, user_id: Key | None, **_: object) -> None:
    """Receiver of `privacy.signals.consent_changed`: takes effect in this process at once."""
    hint.forget(user_id)
