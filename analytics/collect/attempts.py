"""Sends batches with retries, until one deadline.

The site's exporter, the browsers' relay and requests to delete share it. Each attempt checks consent again and sends
only the permitted spans; the transport itself never retries.
"""

import logging
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from django.db import DatabaseError, InterfaceError
from opentelemetry.sdk.trace import ReadableSpan

from analytics.collect.transport import StillPermitted, Transport
from analytics.collect.transport.answers import Answer, Fate, Reason, again, of_error, refused
from analytics.conf import EXPORT_TIMEOUT_SECONDS
from privacy.elapsed import elapsed
from privacy.outages import cause
from privacy.sending import NoLongerHeld

logger = logging.getLogger(__name__)
FIRST_BACKOFF_SECONDS = 0.5
CONSENT_UNREADABLE = "consent_unreadable"


class ConsentUnreadable(Exception):
    """Consent could not be read, and counts as not given."""


@dataclass(frozen=True, slots=True)
class Permitted:
    """Spans of one attempt. `still` verifies that they may still be sent."""

    spans: Sequence[ReadableSpan]
    still: StillPermitted


class Batch(Protocol):
    """A batch to send. Both methods check consent and remove spans without it.

    Both raise ConsentUnreadable or django.db.DatabaseError if consent cannot be read now.
    """

    def anything_left(self) -> bool:
        """Whether any span may be sent. Called before connecting, to avoid connections for nothing."""

    def permitted(self) -> AbstractContextManager[Permitted]:
        """Context with the permitted spans, in which no withdrawal is confirmed."""


class Sender:
    """Sends batches one at a time, on the caller's thread. Raises nothing."""

    def __init__(self, make_transport: Callable[[], Transport]) -> None:
        self._make_transport = make_transport
        self._transport: Transport | None = None
        self._ending = Event()
        self._ends_at = float("inf")
        self._not_before = 0.0

    def send(
        self, batch: Batch, *, seconds: float = EXPORT_TIMEOUT_SECONDS, attempts: int | None = None
    ) -> Answer | None:
        """Send a batch within `seconds`, waits included. Returns the last answer, or None if nothing may be sent."""
        deadline = min(elapsed.now() + seconds, self._ends_at)
        number = 0
        answer = again(Reason.BUSY)
        while self._turn_comes(deadline):
            latest = self._attempt(batch, deadline)
            if latest is None or latest.fate is not Fate.AGAIN:
                return latest
            answer, number = latest, number + 1
            if answer.pause_seconds is not None:
                self._not_before = elapsed.now() + answer.pause_seconds
            if number == attempts or not self._wait(_backoff(number), deadline):
                break
        return answer

    def pause_seconds(self) -> float:
        """Remaining seconds of the pause that the collector asked for."""
        return max(0.0, self._not_before - elapsed.now())

    def end_by(self, moment: float) -> None:
        """Announce from another thread that the process ends: waits end, and no attempt begins from `moment` on."""
        self._ends_at = moment
        self._ending.set()

    def over(self) -> bool:
        """Whether no further attempt can begin."""
        return elapsed.now() >= self._ends_at

    def abort(self) -> None:
        """End a running attempt, from another thread."""
        self.end_by(elapsed.now())
        if self._transport is not None:
            self._transport.abort()

    def _turn_comes(self, deadline: float) -> bool:
        """Whether an attempt may begin, after the pause that the collector asked for; False if that is too long."""
        pause = self.pause_seconds()
        if pause and not self._wait(pause, deadline):
            return False
        return elapsed.now() < deadline and not self.over()

    def _wait(self, seconds: float, deadline: float) -> bool:
        """Wait `seconds`; returns False at once if that exceeds `deadline`, or if the process ends."""
        return elapsed.now() + seconds < deadline and not elapsed.wait(self._ending, seconds)

    def _attempt(self, batch: Batch, deadline: float) -> Answer | None:
        try:
            return self._sent(batch, deadline) if batch.anything_left() else None
        except (ConsentUnreadable, DatabaseError, InterfaceError) as error:
            logger.warning("Telemetry waits, consent could not be read: %s", cause(error.__cause__ or error))
            return again(CONSENT_UNREADABLE)
        except NoLongerHeld:
            return again(Reason.TIMEOUT)
        except OSError as error:
            return of_error(error)
        except Exception as error:  # noqa: BLE001  whatever it is, the host must not notice
            logger.warning("Telemetry could not be sent: %s", type(error).__name__)
            return refused(Reason.BROKEN)

    def _sent(self, batch: Batch, deadline: float) -> Answer | None:
        transport = self._made_transport()
        if transport is None:
            return refused(Reason.BROKEN)
        with transport.connected(deadline) as send, batch.permitted() as permitted:
            return send(permitted.spans, permitted.still) if permitted.spans else None

    def _made_transport(self) -> Transport | None:
        """The transport; None for invalid settings, which `manage.py check` reports."""
        if self._transport is None:
            try:
                self._transport = self._make_transport()
            except Exception as error:  # noqa: BLE001  a value that is not understood, a file that is not there
                logger.warning("Telemetry cannot be sent with these settings: %s", type(error).__name__)
        return self._transport


def _backoff(attempts: int) -> float:
    """Half a second, doubled with each attempt, randomized so that processes do not retry at the same time."""
    return FIRST_BACKOFF_SECONDS * 2.0 ** (attempts - 1) * random.uniform(0.5, 1.5)  # noqa: S311  no secret
