"""A short-lived memory of who does not consent, so that their requests cost a look-up and no span.

Only the exporter fills it, from what it has just read; it is never the authority. It can only keep something from being
recorded that the gate would withhold anyway, and forgets within seconds, so that a choice made in another process takes
effect here soon.
"""

import time
from collections.abc import Iterable
from threading import Lock
from uuid import UUID

from privacy.process import Bounded

LIFETIME_SECONDS = 5.0
MAXIMUM_PEOPLE = 50_000


class Hint:
    """Thread-safe. Bounded: the oldest entries make room."""

    def __init__(self) -> None:
        # By the id's number: hashing and comparing a UUID itself is done in Python, on every request.
        self._refused: Bounded[int, float] = Bounded(MAXIMUM_PEOPLE)
        self._forgot_at = 0.0
        self._lock = Lock()

    def refuses(self, user_id: UUID) -> bool:
        """Whether the exporter read, within the last seconds, that nothing of this person may be sent."""
        until = self._refused.get(user_id.int)
        return until is not None and until > time.monotonic()

    def note(self, refused: Iterable[UUID], *, read_at: float) -> None:
        """`read_at`: when reading began, by the monotonic clock. If anybody has chosen since, it may be old news."""
        until = time.monotonic() + LIFETIME_SECONDS
        with self._lock:
            if self._forgot_at >= read_at:
                return
            for user_id in refused:
                self._refused[user_id.int] = until

    def forget(self, user_id: UUID | None) -> None:
        """A choice was made by this person (None: something changed for everyone); the next span asks the gate."""
        with self._lock:
            self._forgot_at = time.monotonic()
            if user_id is None:
                self._refused.clear()
            else:
                self._refused.pop(user_id.int, None)
