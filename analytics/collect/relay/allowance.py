"""How much one person's browsers may send: a bucket of spans that fills up again, in this process's memory.

With several worker processes a person has as many buckets; each bounds what its own process does for them.
"""

import time
from threading import Lock
from uuid import UUID

from privacy.process import Bounded, anew_in_children

# What somebody at work does in a minute, several times over.
SPANS_AT_ONCE = 300
SPANS_A_SECOND = 10.0
# A request costs as much as this many spans, so that empty ones are not free.
A_REQUEST = 2
MAXIMUM_PEOPLE = 10_000


class Allowance:
    """Thread-safe. Bounded: who has sent nothing for longest makes room."""

    def __init__(self) -> None:
        self._buckets: Bounded[UUID, tuple[float, float]] = Bounded(MAXIMUM_PEOPLE)
        self._lock = Lock()

    def take(self, user_id: UUID, spans: int) -> float:
        """0.0 if the person may send a request of so many spans now, and it is counted; else the seconds to wait."""
        wanted = spans + A_REQUEST
        with self._lock:
            now = time.monotonic()
            left, at = self._buckets.get(user_id, (float(SPANS_AT_ONCE), now))
            left = min(float(SPANS_AT_ONCE), left + (now - at) * SPANS_A_SECOND)
            # A request larger than the bucket is let through when the bucket is full, and paid off afterwards.
            missing = min(wanted, SPANS_AT_ONCE) - left
            if missing <= 0:
                left -= wanted
            self._buckets[user_id] = (left, now)
        return max(0.0, missing / SPANS_A_SECOND)

    def forget(self) -> None:
        with self._lock:
            self._buckets.clear()


allowance = anew_in_children(Allowance())
