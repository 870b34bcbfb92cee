"""Sent counts by UTC day: recorded = sent + withheld + dropped + failed.

Counts wait in memory until the database accepts them, so an outage loses none while the process lives.
"""

import logging
from collections import Counter
from datetime import UTC, date, datetime
from enum import StrEnum
from threading import Lock

from django.db import DatabaseError, InterfaceError, connections

from analytics.router import analytics_database
from analytics.sql import sql
from privacy.outages import cause
from privacy.waits import at_most

logger = logging.getLogger(__name__)
WRITE_SECONDS = 2.0  # of the exporter's thread, and of the end of a process
NO_USER = "no_user"  # an event outside any request or job of a known person


class Outcome(StrEnum):
    SENT = "sent"  # the collector accepted the request; the processor counts its rejections itself
    WITHHELD = "withheld"  # no consent; the reason has the details
    DROPPED = "dropped"  # the queue was full
    FAILED = "failed"  # the collector did not accept it
    INVALID = "invalid"  # undeclared or malformed, so it never became a span


class Tally:
    """Thread-safe."""

    def __init__(self) -> None:
        self._waiting: Counter[tuple[date, str, str]] = Counter()
        self._lock = Lock()

    def add(self, outcome: Outcome, reason: str = "", spans: int = 1) -> None:
        if spans:
            with self._lock:
                self._waiting[(datetime.now(UTC).date(), outcome.value, reason)] += spans

    def write(self) -> None:
        """Add waiting counts to analytics_export_tally; if the database is away, they keep waiting."""
        with self._lock:
            waiting, self._waiting = self._waiting, Counter()
        if not waiting:
            return
        # Sorted, so that two processes cannot deadlock.
        days, outcomes, reasons, counts = zip(*((*key, spans) for key, spans in sorted(waiting.items())), strict=True)
        try:
            with at_most(WRITE_SECONDS), connections[analytics_database()].cursor() as cursor:
                cursor.execute(sql("add_to_export_tally"), [list(days), list(outcomes), list(reasons), list(counts)])
        except (DatabaseError, InterfaceError) as error:
            with self._lock:
                self._waiting.update(waiting)
            logger.warning("Sent counts wait in memory: %s", cause(error, analytics_database()))
