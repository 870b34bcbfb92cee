"""Browsers' spans on their way out, through the same gate as everything else, while the browser waits.

A browser keeps what was not acknowledged and sends it again under the same ids, so nothing is acknowledged before the
collector has it: an outage delays browsers' events and loses none. The host must not pay for that, so one thread of a
process sends at a time, others give up after a moment, and after a failure nobody tries for some seconds.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Lock

from opentelemetry.sdk.trace.export import SpanExportResult

from analytics.collect import ends, pipeline
from analytics.collect.exporter import GatedExporter
from analytics.collect.records import RecordedSpan
from analytics.collect.transport import Transport
from analytics.conf import conf
from privacy.elapsed import elapsed
from privacy.process import OnePerProcess

WAIT_FOR_TURN_SECONDS = 0.5
REST_AFTER_FAILURE_SECONDS = 5.0


class Forwarder:
    """One process's. Connects on first use."""

    def __init__(self, make_transport: Callable[[], Transport]) -> None:
        # One attempt: the browser tries again, and a request of the host's is not held up for waiting.
        self._exporter = GatedExporter(
            make_transport,
            hint=pipeline.hint,
            tally=pipeline.tally,
            attempts=1,
            seconds=conf.export_timeout_seconds,
        )
        self._turn = Lock()
        self._rests_until = 0.0

    def send(self, spans: Sequence[RecordedSpan]) -> bool:
        """Whether the gate has withheld, or the collector taken, every one of them."""
        if self.rest_seconds() or not self._turn.acquire(timeout=WAIT_FOR_TURN_SECONDS):
            return False
        try:
            # Whoever waited for their turn behind a failure need not fail as slowly.
            if self.rest_seconds():
                return False
            taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
            self._rests_until = 0.0 if taken else elapsed.now() + REST_AFTER_FAILURE_SECONDS
            return taken
        finally:
            self._turn.release()

    def rest_seconds(self) -> float:
        """How long nobody tries after a failure, or because the collector asked for it; 0 if somebody may now."""
        return max(self._rests_until - elapsed.now(), self._exporter.sender.pause_seconds())

    def stop(self) -> None:
        self._exporter.shutdown()


_of_process: OnePerProcess[Forwarder] = OnePerProcess()
stop = _of_process.stop
ends.register(stop)


def forwarder() -> Forwarder:
    """This process's; a forked worker has its own."""
    return _of_process.running() or _of_process.started(lambda: Forwarder(pipeline.make_transport))


def replaced(make_transport: Callable[[], Transport]) -> AbstractContextManager[Forwarder]:
    """For tests: this process's forwarder with another transport, for as long as the block lasts."""
    return _of_process.replaced(lambda: Forwarder(make_transport))
