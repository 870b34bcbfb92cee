"""How anything is sent: attempts, the waits between them, and one deadline. The one place that tries again.

The site's exporter, the browsers' relay and requests to delete share it. Each attempt asks the gate anew and sends what
the gate leaves of the batch; the transport tries once.
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
    """The gate could not be asked. Consent that cannot be read is consent that was not given."""


@dataclass(frozen=True, slots=True)
class Permitted:
    """The spans of one attempt. Calling `still` proves that they may still be sent."""

    spans: Sequence[ReadableSpan]
    still: StillPermitted


class Batch(Protocol):
    """Something to send. Both methods ask the gate; what it refuses is no longer in the batch.

    Both raise ConsentUnreadable or django.db.DatabaseError where the gate cannot be asked now.
    """

    def anything_left(self) -> bool:
        """Asked before a connection is made, so that for those who share nothing there is none."""

    def permitted(self) -> AbstractContextManager[Permitted]:
        """Inside, what may be sent may be sent: no withdrawal is answered meanwhile."""


class Sender:
    """Sends batches, one at a time, on the thread that calls. Raises nothing."""

    def __init__(self, make_transport: Callable[[], Transport]) -> None:
        self._make_transport = make_transport
        self._transport: Transport | None = None
        self._ending = Event()
        self._ends_at = float("inf")
        self._not_before = 0.0

    def send(
        self, batch: Batch, *, seconds: float = EXPORT_TIMEOUT_SECONDS, attempts: int | None = None
    ) -> Answer | None:
        """The last attempt's answer; None if the gate left nothing to send. Done within `seconds`, waits included."""
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
        """How long the collector wants to be left alone yet."""
        return max(0.0, self._not_before - elapsed.now())

    def end_by(self, moment: float) -> None:
        """From another thread: this process ends. Nobody waits any more, and no attempt begins at `moment` or later."""
        self._ends_at = moment
        self._ending.set()

    def over(self) -> bool:
        """Whether no attempt can begin any more."""
        return elapsed.now() >= self._ends_at

    def abort(self) -> None:
        """From another thread: an attempt that is under way ends now."""
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
        """Whether `seconds` went by. Does not even begin to wait for what is not before `deadline`."""
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
        """None if the settings make none; `manage.py check` has the reason."""
        if self._transport is None:
            try:
                self._transport = self._make_transport()
            except Exception as error:  # noqa: BLE001  a value that is not understood, a file that is not there
                logger.warning("Telemetry cannot be sent with these settings: %s", type(error).__name__)
        return self._transport


def _backoff(attempts: int) -> float:
    """Half a second, doubled by each attempt, half of it more or less, so that many processes do not come at once."""
    return FIRST_BACKOFF_SECONDS * 2.0 ** (attempts - 1) * random.uniform(0.5, 1.5)  # noqa: S311  no secret
