"""Short-lived cache of people who do not consent, whose requests then cost a look-up and no span.

Only the exporter fills it, from decisions it has just read. It can only prevent recording what the gate would withhold
anyway. Entries expire within seconds, so that choices made in other processes take effect soon.
"""

import time
from collections.abc import Iterable
from threading import Lock
from uuid import UUID

from privacy.keys import Key
from privacy.process import Bounded

LIFETIME_SECONDS = 5.0
MAXIMUM_PEOPLE = 50_000


class Hint:
    """Thread-safe, bounded cache; drops the oldest entries."""

    def __init__(self) -> None:
        self._refused: Bounded[int | str, float] = Bounded(MAXIMUM_PEOPLE)
        self._forgot_at = 0.0
        self._lock = Lock()

    def refuses(self, user_id: Key) -> bool:
        """Whether the exporter has read within the last seconds that this person does not consent."""
        until = self._refused.get(_quick(user_id))
        return until is not None and until > time.monotonic()

    def note(self, refused: Iterable[Key], *, read_at: float) -> None:
        """Add people. Ignored if a choice was made since `read_at`, the monotonic time at which reading began."""
        until = time.monotonic() + LIFETIME_SECONDS
        with self._lock:
            if self._forgot_at >= read_at:
                return
            for user_id in refused:
                self._refused[_quick(user_id)] = until

    def forget(self, user_id: Key | None) -> None:
        """Remove a person (None: everyone) after a choice, so that the next span is checked."""
        with self._lock:
            self._forgot_at = time.monotonic()
            if user_id is None:
                self._refused.clear()
            else:
                self._refused.pop(_quick(user_id), None)


def _quick(user_id: Key) -> int | str:
    """The key to look up: of a UUID its integer, because hashing and comparing a UUID runs in Python."""
    return user_id.int if isinstance(user_id, UUID) else user_id
