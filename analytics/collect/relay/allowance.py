"""Rate limit of one person's browsers: a token bucket of spans, in this process's memory.

With several processes a person has several buckets; each limits the work of its own process.
"""

import time
from threading import Lock

from privacy.keys import Key
from privacy.process import Bounded, anew_in_children

# Several times what a busy person does in a minute.
SPANS_AT_ONCE = 300
SPANS_A_SECOND = 10.0
# Spans that a request itself costs, so that empty requests are not free.
A_REQUEST = 2
MAXIMUM_PEOPLE = 10_000


class Allowance:
    """Thread-safe and bounded; drops the person whose last request is oldest."""

    def __init__(self) -> None:
        self._buckets: Bounded[Key, tuple[float, float]] = Bounded(MAXIMUM_PEOPLE)
        self._lock = Lock()

    def take(self, user_id: Key, spans: int) -> float:
        """Count a request with this many spans; returns 0.0 if it is allowed, else the seconds to wait."""
        wanted = spans + A_REQUEST
        with self._lock:
            now = time.monotonic()
            left, at = self._buckets.get(user_id, (float(SPANS_AT_ONCE), now))
            left = min(float(SPANS_AT_ONCE), left + (now - at) * SPANS_A_SECOND)
            # A request larger than the bucket is allowed when the bucket is full, and leaves it negative.
            missing = min(wanted, SPANS_AT_ONCE) - left
            if missing <= 0:
                left -= wanted
            self._buckets[user_id] = (left, now)
        return max(0.0, missing / SPANS_A_SECOND)

    def forget(self) -> None:
        with self._lock:
            self._buckets.clear()


allowance = anew_in_children(Allowance())
