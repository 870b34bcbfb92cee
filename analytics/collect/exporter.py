"""The gate on the way out. Whatever was recorded, only what consent covers *now* leaves the process."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.db import connections
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from analytics.collect.attempts import CONSENT_UNREADABLE, ConsentUnreadable, Permitted, Sender
from analytics.collect.clean import clean_span, resource
from analytics.collect.hint import Hint
from analytics.collect.records import RecordedSpan
from analytics.collect.tally import Outcome, Tally
from analytics.collect.transport import Transport
from analytics.collect.transport.answers import Answer, Fate, Reason
from analytics.conf import EXPORT_TIMEOUT_SECONDS
from analytics.exceptions import AnalyticsError, ExpiredEvent
from privacy.clock import DatabaseClock, read_database_clock, unix_ns
from privacy.consent import Decision
from privacy.gate import decisions_for
from privacy.sending import attempt

logger = logging.getLogger(__name__)


class ConsentedBatch:
    """Recorded spans on their way out. Each time the gate is asked, it keeps what consent covers at that moment.

    What the gate refuses is counted and gone: a consent given later does not cover it.
    """

    def __init__(self, recorded: Sequence[RecordedSpan], *, hint: Hint, tally: Tally) -> None:
        self.left = list(recorded)
        self._hint, self._tally = hint, tally

    def anything_left(self) -> bool:
        """Whether anybody of the batch shares now; if nobody does, all of it is counted and gone."""
        decisions = self._decisions()
        if not any(decision.enabled for decision in decisions.values()):
            self._judge(decisions, None)
        return bool(self.left)

    @contextmanager
    def permitted(self) -> Iterator[Permitted]:
        with attempt() as still_held:
            decisions, clock = self._decisions(), read_database_clock()
            yield Permitted(self._judge(decisions, clock), still_held)

    def _decisions(self) -> dict[UUID, Decision]:
        """One query. Raises ConsentUnreadable."""
        asked_at = time.monotonic()
        try:
            decisions = decisions_for({span.subject.user_id for span in self.left}) if self.left else {}
        except Exception as error:
            raise ConsentUnreadable(type(error).__name__) from error
        self._hint.note((who for who, decision in decisions.items() if not decision.enabled), read_at=asked_at)
        return decisions

    def _judge(self, decisions: dict[UUID, Decision], clock: DatabaseClock | None) -> list[ReadableSpan]:
        """Build the spans that may leave now. `clock` is None where no person consents."""
        of = resource()
        judged = [(span, _judged(span, decisions.get(span.subject.user_id), clock, of)) for span in self.left]
        # Counted when all are judged: should one of them break this, all of them are still there.
        for reason, spans in Counter(found for _, found in judged if isinstance(found, str)).items():
            self._tally.add(Outcome.WITHHELD, reason, spans)
        self.left = [span for span, found in judged if not isinstance(found, str)]
        return [found for _, found in judged if not isinstance(found, str)]


def _judged(
    span: RecordedSpan, decision: Decision | None, clock: DatabaseClock | None, of: Resource
) -> ReadableSpan | str:
    """The span that may leave, or the reason why none may."""
    if decision is None:
        return "user_gone"
    if not decision.enabled or decision.since is None:
        return decision.reason.value
    if clock is None or clock.earliest_ns(span.subject.began_elapsed_ns) < unix_ns(decision.since):
        return "before_consent"
    try:
        return clean_span(span, of)
    except ExpiredEvent:
        return "expired"  # analytics.W001 has named it
    except AnalyticsError as error:
        logger.warning("A span was withheld: %s", error)
        return "undeclared"


class GatedExporter(SpanExporter):
    """Sends recorded spans through the gate, each batch within `seconds`.

    `attempts`: at most so many for each batch; None for as many as the time allows. `on_batch` is called with the
    number of spans of each batch that is begun, `on_end` when no batch can be begun any more.
    """

    def __init__(
        self,
        make_transport: Callable[[], Transport],
        *,
        hint: Hint,
        tally: Tally,
        seconds: float = EXPORT_TIMEOUT_SECONDS,
        attempts: int | None = None,
    ) -> None:
        self.sender = Sender(make_transport)
        self._hint, self._tally, self._seconds, self._attempts = hint, tally, seconds, attempts
        self.failures = 0  # batches
        self.on_batch: Callable[[int], None] = lambda spans: None
        self.on_end: Callable[[], None] = lambda: None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send what may be sent. Counts everything, raises nothing.

        FAILURE if the collector did not take it or consent could not be read: a browser still has the spans, and tries
        again.
        """
        result = SpanExportResult.FAILURE
        try:
            if not self.sender.over():
                self.on_batch(len(spans))
                result = self._export([span for span in spans if isinstance(span, RecordedSpan)])
            if self.sender.over():
                self.on_end()
            return result
        finally:
            self.failures += result is SpanExportResult.FAILURE
            self._tally.write()
            # The thread sleeps for seconds between batches; it need not hold connections meanwhile. (A flush asked for
            # in the middle of somebody's transaction leaves their connection alone.)
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:
                    connection.close()

    def _export(self, recorded: Sequence[RecordedSpan]) -> SpanExportResult:
        batch = ConsentedBatch(recorded, hint=self._hint, tally=self._tally)
        answer = self.sender.send(batch, seconds=self._seconds, attempts=self._attempts)
        return self._count(answer, len(batch.left))

    def _count(self, answer: Answer | None, spans: int) -> SpanExportResult:
        """`spans`: how many the gate left in the batch, the last time it was asked."""
        if answer is None:
            return SpanExportResult.SUCCESS
        if answer.fate is Fate.TAKEN:
            rejected = min(answer.rejected, spans)
            self._tally.add(Outcome.SENT, spans=spans - rejected)
            self._tally.add(Outcome.FAILED, Reason.REJECTED, rejected)
            return SpanExportResult.SUCCESS
        if answer.reason == CONSENT_UNREADABLE:
            self._tally.add(Outcome.WITHHELD, CONSENT_UNREADABLE, spans)
        else:
            self._tally.add(Outcome.FAILED, answer.reason, spans)
            logger.warning("Telemetry was not sent: %s", answer.reason)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.sender.abort()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True
