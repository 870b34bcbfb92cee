"""Counts rejections by reason and sender, and logs them once a minute.

Senders choose their service's name freely. To limit the number of counts, only names of the same form as names in
routes are stored, and only the first MOST_NAMES of a UTC day with rejections. All others count as OTHER.
"""

import logging
import time
from collections import Counter
from datetime import UTC, date, datetime
from threading import Lock

from analytics import vocabulary
from analytics.events import Attributes
from analytics.ingest.verdict import PART, REJECTED, Counts
from analytics.routes.words import is_name

logger = logging.getLogger(__name__)

MOST_NAMES = 50  # per day and process
LONGEST_NAME = 64
OTHER = "other"
INTERVAL_SECONDS = 60.0


class Senders:
    """The senders' names stored today. Thread-safe."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._day = date.min
        self._lock = Lock()

    def name(self, resource: Attributes, today: date | None = None) -> str:
        """Return the name of a resource's service, or OTHER. `today` is the UTC day, by default the clock's."""
        service = resource.get(vocabulary.SERVICE_NAME)
        if not isinstance(service, str) or len(service) > LONGEST_NAME or not is_name(service):
            return OTHER
        today = today or datetime.now(UTC).date()
        with self._lock:
            if today != self._day:
                self._names.clear()
                self._day = today
            if service not in self._names and len(self._names) >= MOST_NAMES:
                return OTHER
            self._names.add(service)
        return service


class Rejections:
    """The rejections of one process that are not logged yet. Thread-safe."""

    def __init__(self) -> None:
        self._counts: Counts = Counter()
        self._next = float("-inf")
        self._lock = Lock()

    def count(self, counts: Counts) -> None:
        """Add a transaction's committed counts."""
        found = {fate: number for fate, number in counts.items() if number and fate.outcome in (REJECTED, PART)}
        if found:
            with self._lock:
                self._counts.update(found)

    def log(self, *, now: float | None = None, ending: bool = False) -> None:
        """Log the counts and start again from zero, if the interval has passed or the process is ending."""
        now = time.monotonic() if now is None else now
        with self._lock:
            if not self._counts or (now < self._next and not ending):
                return
            counts, self._counts = self._counts, Counter()
            self._next = now + INTERVAL_SECONDS
        for fate, number in sorted(counts.items()):
            text = "Rejected: reason=%s" if fate.outcome == REJECTED else "Stored without: part=%s"
            logger.warning(f"{text} sender=%s spans=%d", fate.reason, fate.sender or "-", number)


senders = Senders()
rejections = Rejections()
