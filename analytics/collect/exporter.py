"""The gate on the way out. Whatever was recorded, only what consent covers *now* leaves the process."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID

from django.db import connections
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from analytics.collect.clean import clean_span, resource
from analytics.collect.hint import Hint
from analytics.collect.records import RecordedSpan
from analytics.collect.tally import Outcome, Tally
from analytics.exceptions import AnalyticsError
from privacy.gate import decisions_for

logger = logging.getLogger(__name__)
MAXIMUM_WITHDRAWALS = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _unix_ns(moment: datetime) -> int:
    """Exactly; through a float it would be off by some hundred nanoseconds."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


class Withdrawals:
    """Who withdrew in this process and when, for the moment between reading consent and sending. Thread-safe."""

    def __init__(self) -> None:
        self._at: OrderedDict[UUID | None, float] = OrderedDict()
        self._lock = Lock()

    def start_anew(self) -> None:
        """In a child just forked: whoever held the lock is not there."""
        self.__init__()  # type: ignore[misc]

    def note(self, user_id: UUID | None) -> None:
        """`user_id` None: everyone."""
        with self._lock:
            self._at[user_id] = time.monotonic()
            self._at.move_to_end(user_id)
            while len(self._at) > MAXIMUM_WITHDRAWALS:
                self._at.popitem(last=False)

    def since(self, moment: float, user_id: UUID) -> bool:
        """Whether the person withdrew (or everyone was withdrawn) at or after `moment` of the monotonic clock."""
        return max(self._at.get(user_id, 0.0), self._at.get(None, 0.0)) >= moment


class GatedExporter(SpanExporter):
    """Wraps the exporter that does the sending, which is made on first use: until then there is no socket."""

    def __init__(
        self, make_wire: Callable[[], SpanExporter], *, hint: Hint, tally: Tally, withdrawals: Withdrawals
    ) -> None:
        self._make_wire = make_wire
        self._wire: SpanExporter | None = None
        self._hint, self._tally, self._withdrawals = hint, tally, withdrawals
        self.on_batch: Callable[[int], None] = lambda spans: None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send what may be sent. Counts everything, raises nothing.

        FAILURE if the sending failed or consent could not be read: whoever still has the spans may try again.
        """
        self.on_batch(len(spans))
        try:
            return self._export([span for span in spans if isinstance(span, RecordedSpan)])
        finally:
            self._tally.write()
            # The thread sleeps for seconds between batches; it need not hold connections meanwhile. (A flush asked for
            # in the middle of somebody's transaction leaves their connection alone.)
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:
                    connection.close()

    def _export(self, recorded: Sequence[RecordedSpan]) -> SpanExportResult:
        cleaned = list(self._cleaned(recorded))
        read_at = time.monotonic()
        permitted = self._permitted(cleaned, read_at)
        if permitted is None:
            return SpanExportResult.FAILURE
        going = [clean for span, clean in permitted if not self._withdrawals.since(read_at, span.subject.user_id)]
        self._tally.add(Outcome.WITHHELD, "withdrawn", len(permitted) - len(going))
        if not going:
            return SpanExportResult.SUCCESS
        if self._wire is None:
            self._wire = self._make_wire()
        try:
            result = self._wire.export(going)
        except Exception as error:  # noqa: BLE001  whatever the transport raises, the host must not notice
            logger.warning("Telemetry could not be sent: %s", type(error).__name__)
            result = SpanExportResult.FAILURE
        self._tally.add(Outcome.SENT if result is SpanExportResult.SUCCESS else Outcome.FAILED, spans=len(going))
        return result

    def _cleaned(self, recorded: Sequence[RecordedSpan]) -> Iterator[tuple[RecordedSpan, ReadableSpan]]:
        of = resource()
        for span in recorded:
            try:
                yield span, clean_span(span, of)
            except AnalyticsError as error:
                self._tally.add(Outcome.WITHHELD, "undeclared")
                logger.warning("A span was withheld: %s", error)

    def _permitted(
        self, cleaned: list[tuple[RecordedSpan, ReadableSpan]], read_at: float
    ) -> list[tuple[RecordedSpan, ReadableSpan]] | None:
        """Those the gate says yes to; None if it could not be asked. `read_at` is now, by the monotonic clock."""
        people = {span.subject.user_id for span, _ in cleaned}
        if not people:
            return []
        try:
            decisions = decisions_for(people)
        except Exception as error:  # noqa: BLE001  whatever keeps it from being read
            # Consent that cannot be read is consent that was not given.
            logger.warning("A batch was withheld, consent could not be read: %s", type(error).__name__)
            self._tally.add(Outcome.WITHHELD, "consent_unreadable", len(cleaned))
            return None
        self._hint.note((who for who, decision in decisions.items() if not decision.enabled), read_at=read_at)
        permitted = []
        for span, clean in cleaned:
            decision = decisions.get(span.subject.user_id)
            if decision is None:
                self._tally.add(Outcome.WITHHELD, "user_gone")
            elif not decision.enabled or decision.since is None:
                self._tally.add(Outcome.WITHHELD, decision.reason.value)
            elif span.subject.began_ns < _unix_ns(decision.since):
                self._tally.add(Outcome.WITHHELD, "before_consent")
            else:
                permitted.append((span, clean))
        return permitted

    def shutdown(self) -> None:
        if self._wire is not None:
            self._wire.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True
