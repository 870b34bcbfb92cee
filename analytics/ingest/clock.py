"""Now by the database's clock, which all processors share: by it a span is too old, or in the future."""

import logging
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Lock

import psycopg

from analytics.connection import connect
from privacy.elapsed import elapsed

logger = logging.getLogger(__name__)

FRESH_SECONDS = 60.0  # a clock that is set while a processor runs is noticed within
RETRY_SECONDS = 1.0
# Clocks that differ by more than this leave open which of them is right.
LARGEST_DIFFERENCE = timedelta(minutes=1)


class DatabaseClock:
    """`conninfo` is libpq's. The database is asked once in a while; in between, elapsed time counts."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._began: datetime | None = None  # what the database's clock showed when elapsed time was 0
        self._ask_at = 0.0
        self._asking = Lock()

    def now(self) -> tuple[datetime, bool]:
        """Now, and whether this host's clock agrees. Without, no span may be rejected for its time: that is final."""
        if elapsed.now() >= self._ask_at and self._asking.acquire(blocking=False):
            try:
                self._ask()
            finally:
                self._asking.release()
        here = datetime.now(UTC)
        if self._began is None:
            return here, False
        now = self._began + timedelta(seconds=elapsed.now())
        return now, abs(here - now) <= LARGEST_DIFFERENCE

    def _ask(self) -> None:
        self._ask_at = elapsed.now() + RETRY_SECONDS
        try:
            with closing(connect(self._conninfo)) as connection:
                asked = elapsed.now()
                [(now,)] = connection.execute("SELECT clock_timestamp()").fetchall()
        except psycopg.Error as error:
            # The request fails at writing, too; what was read before still holds.
            logger.warning("The database's clock cannot be read: %s", type(error).__name__)
            return
        self._began = now - timedelta(seconds=asked)
        self._ask_at = asked + FRESH_SECONDS
        behind = (now - datetime.now(UTC)).total_seconds()
        if abs(behind) > LARGEST_DIFFERENCE.total_seconds():
            logger.warning("This host's clock and the database's differ: seconds behind=%.0f", behind)
