"""Circuit breaker between a person's pages and the database of telemetry's rows.

The pages need that database only to show rows and to delete them; the switch is in the site's own. A database that is
stopped, frozen, read-only or not migrated must neither break a page nor hold the few threads of the site: a few of them
wait for it, for a short time, and after a failure none does for a while.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import BoundedSemaphore

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections, transaction

from privacy.outages import cause
from privacy.process import anew_in_children
from privacy.waits import at_most

logger = logging.getLogger(__name__)

READ_SECONDS = 3.0
DELETE_SECONDS = 25.0  # longer than it waits for writers to end (analytics.keep.locks)
AT_ONCE = 2  # threads of this process, of the four that gunicorn gives it
QUEUE_SECONDS = 1.0
OPEN_SECONDS = 10.0


class Unreachable(Exception):
    """The database of telemetry's rows cannot be used now. The message is for logs."""


class Breaker:
    """Thread-safe. Open: nobody tries."""

    def __init__(self) -> None:
        self._slots = BoundedSemaphore(AT_ONCE)
        self._open_until = 0.0

    @contextmanager
    def using(self, seconds: float = READ_SECONDS) -> Iterator[None]:
        """Use the database inside. Raises Unreachable within `seconds`, one more for the queue and one connect."""
        if time.monotonic() < self._open_until or not self._slots.acquire(timeout=QUEUE_SECONDS):
            raise Unreachable("not tried, because it did not answer a moment ago")
        # An error inside must not spoil a transaction that somebody else has begun.
        begun = connections[DEFAULT_DB_ALIAS].in_atomic_block
        try:
            with at_most(seconds), transaction.atomic(DEFAULT_DB_ALIAS) if begun else nullcontext():
                yield
        except (DatabaseError, InterfaceError) as error:
            self._open_until = time.monotonic() + OPEN_SECONDS
            why = cause(error)
            logger.warning("The database of telemetry's rows cannot be used: %s", why)
            raise Unreachable(why) from error
        finally:
            self._slots.release()

    def close(self) -> None:
        """Try again at once."""
        self._open_until = 0.0


telemetrys_database = anew_in_children(Breaker())
