"""Names of senders for the tally: whose spans are rejected, from a bounded set.

A service's name is whatever its sender writes. Only one that reads like a name of the grammar of routes is stored, and
only the first MOST_NAMES of a UTC day of which something is rejected: the tally stays small.
"""

from datetime import UTC, date, datetime
from threading import Lock

from analytics import vocabulary
from analytics.ingest.verdicts import Attributes
from analytics.routes.words import is_name

MOST_NAMES = 50  # of a day, in each process
LONGEST_NAME = 64
OTHER = "other"


class Senders:
    """Thread-safe."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._day = date.min
        self._lock = Lock()

    def name(self, resource: Attributes, today: date | None = None) -> str:
        """Of the service that the attributes of a resource describe. `today` is the UTC day, if not by the clock."""
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


senders = Senders()
