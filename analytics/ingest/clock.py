"""The current time by the database's clock, which all processors share. Spans' ages are measured against it."""

import logging
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Lock

import psycopg

from analytics.connection import connect
from privacy.elapsed import elapsed

logger = logging.getLogger(__name__)

FRESH_SECONDS = 60.0  # how long a reading is used; a clock that is set meanwhile is noticed after this
RETRY_SECONDS = 1.0
# If the host's clock and the database's differ by more than this, either may be wrong.
LARGEST_DIFFERENCE = timedelta(minutes=1)


class DatabaseClock:
    """Reads the database's clock every FRESH_SECONDS and adds elapsed time in between. `conninfo` is libpq's."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._began: datetime | None = None  # what the database's clock showed when elapsed time was 0
        self._ask_at = 0.0
        self._asking = Lock()

    def now(self) -> tuple[datetime, bool]:
        """The time, and whether this host's clock agrees. If not, reject no span for its time: a rejection is final."""
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
            # The request will fail at writing, too. The previous reading still holds.
            logger.warning("The database's clock cannot be read: %s", type(error).__name__)
            return
        self._began = now - timedelta(seconds=asked)
        self._ask_at = asked + FRESH_SECONDS
        behind = (now - datetime.now(UTC)).total_seconds()
        if abs(behind) > LARGEST_DIFFERENCE.total_seconds():
            logger.warning("This host's clock and the database's differ: seconds behind=%.0f", behind)
