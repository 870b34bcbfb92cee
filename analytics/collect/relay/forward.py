"""Sends browsers' spans with consent, while the browser waits for the answer.

A browser repeats unacknowledged spans under the same ids. Spans are therefore acknowledged only after the collector has
accepted them, so an outage delays browsers' events and loses none. To protect the host, one thread of a process sends
at a time, others stop waiting after a moment, and after a failure no thread sends for some seconds.
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
    """Sender of one process, which connects on first use."""

    def __init__(self, make_transport: Callable[[], Transport]) -> None:
        # One attempt: the browser retries, and the host's thread does not wait.
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
        """Send spans; returns whether each was accepted by the collector or withheld without consent."""
        if self.rest_seconds() or not self._turn.acquire(timeout=WAIT_FOR_TURN_SECONDS):
            return False
        try:
            # After a failure of the previous thread, fail at once.
            if self.rest_seconds():
                return False
            taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
            self._rests_until = 0.0 if taken else elapsed.now() + REST_AFTER_FAILURE_SECONDS
            return taken
        finally:
            self._turn.release()

    def rest_seconds(self) -> float:
        """Seconds to wait after a failure, or as the collector asked; 0 if sending is allowed now."""
        return max(self._rests_until - elapsed.now(), self._exporter.sender.pause_seconds())

    def stop(self) -> None:
        self._exporter.shutdown()


_of_process: OnePerProcess[Forwarder] = OnePerProcess()
stop = _of_process.stop
ends.register(stop)


def forwarder() -> Forwarder:
    """This process's forwarder; a forked worker has its own."""
    return _of_process.running() or _of_process.started(lambda: Forwarder(pipeline.make_transport))


def replaced(make_transport: Callable[[], Transport]) -> AbstractContextManager[Forwarder]:
    """For tests: this process's forwarder with another transport, within the block."""
    return _of_process.replaced(lambda: Forwarder(make_transport))
