"""What was rejected, in the log: a line for each reason and sender, at most once a minute."""

import logging
import time
from collections import Counter
from threading import Lock

from analytics.ingest.writer import PART, REJECTED, Counts

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0


class Rejections:
    """Of one process. Thread-safe."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._next = float("-inf")
        self._lock = Lock()

    def count(self, counts: Counts) -> None:
        """Add a transaction's committed counts."""
        found = {key: number for key, number in counts.items() if number and key[0] in (REJECTED, PART)}
        if found:
            with self._lock:
                self._counts.update(found)

    def log(self, *, now: float | None = None, ending: bool = False) -> None:
        """Log and forget what was counted, if the last time is long enough ago or the process is ending."""
        now = time.monotonic() if now is None else now
        with self._lock:
            if not self._counts or (now < self._next and not ending):
                return
            counts, self._counts = self._counts, Counter()
            self._next = now + INTERVAL_SECONDS
        for (outcome, reason, sender), number in sorted(counts.items()):
            text = "Rejected: reason=%s" if outcome == REJECTED else "Stored without: part=%s"
            logger.warning(f"{text} sender=%s spans=%d", reason, sender or "-", number)


rejections = Rejections()
