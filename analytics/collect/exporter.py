"""The exporter, which sends only spans whose person consents at the moment of sending."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

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
from privacy.gate import Consent, consents_for
from privacy.keys import Key
from privacy.sending import attempt

logger = logging.getLogger(__name__)


class ConsentedBatch:
    """A batch of recorded spans. Each check of consent removes and counts spans that it does not cover.

    Removed spans stay removed: later consent does not cover them.
    """

    def __init__(self, recorded: Sequence[RecordedSpan], *, hint: Hint, tally: Tally) -> None:
        self.left = list(recorded)
        self._hint, self._tally = hint, tally

    def anything_left(self) -> bool:
        """Whether any person of the batch shares now; if none does, all spans are counted and removed."""
        consents = self._consents()
        if not any(consent.decision.enabled for consent in consents.values()):
            self._judge(consents, None)
        return bool(self.left)

    @contextmanager
    def permitted(self) -> Iterator[Permitted]:
        with attempt() as still_held:
            consents, clock = self._consents(), read_database_clock()
            yield Permitted(self._judge(consents, clock), still_held)

    def _consents(self) -> dict[Key, Consent]:
        """Consents of the batch's people, in one query. Raises ConsentUnreadable."""
        asked_at = time.monotonic()
        try:
            consents = consents_for({span.subject.user_id for span in self.left}) if self.left else {}
        except Exception as error:
            raise ConsentUnreadable(type(error).__name__) from error
        self._hint.note((who for who, consent in consents.items() if not consent.decision.enabled), read_at=asked_at)
        return consents

    def _judge(self, consents: dict[Key, Consent], clock: DatabaseClock | None) -> list[ReadableSpan]:
        """Build the spans that may be sent now. `clock` is None if no person consents."""
        of = resource()
        judged = [(span, _judged(span, consents.get(span.subject.user_id), clock, of)) for span in self.left]
        # Count after building all spans, so that an error changes nothing.
        for reason, spans in Counter(found for _, found in judged if isinstance(found, str)).items():
            self._tally.add(Outcome.WITHHELD, reason, spans)
        self.left = [span for span, found in judged if not isinstance(found, str)]
        return [found for _, found in judged if not isinstance(found, str)]


def _judged(
    span: RecordedSpan, consent: Consent | None, clock: DatabaseClock | None, of: Resource
) -> ReadableSpan | str:
    """The span to send, or the reason not to send it."""
    if consent is None:
        return "user_gone"
    decision = consent.decision
    if not decision.enabled or decision.since is None or consent.salt is None:
        return decision.reason.value
    if clock is None or clock.earliest_ns(span.subject.began_elapsed_ns) < unix_ns(decision.since):
        return "before_consent"
    try:
        return clean_span(span, of, consent.salt)
    except ExpiredEvent:
        return "expired"  # reported by analytics.W001
    except AnalyticsError as error:
        logger.warning("A span was withheld: %s", error)
        return "undeclared"


class GatedExporter(SpanExporter):
    """Sends recorded spans with consent, each batch within `seconds`.

    `attempts` is the largest number for a batch; None: as many as the time allows. `on_batch` is called with the number
    of spans of each batch, `on_end` when no further batch can begin.
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
        """Send the permitted spans, and count all of them. Raises nothing.

        Returns FAILURE if the collector did not accept them or consent could not be read; a browser then retries.
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
            # The thread sleeps between batches and needs no connections meanwhile. A flush within a transaction of the
            # host leaves that connection open.
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:
                    connection.close()

    def _export(self, recorded: Sequence[RecordedSpan]) -> SpanExportResult:
        batch = ConsentedBatch(recorded, hint=self._hint, tally=self._tally)
        answer = self.sender.send(batch, seconds=self._seconds, attempts=self._attempts)
        return self._count(answer, len(batch.left))

    def _count(self, answer: Answer | None, spans: int) -> SpanExportResult:
        """Count the result. `spans` is the number of spans left after the last check of consent."""
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
