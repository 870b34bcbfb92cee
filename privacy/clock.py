"""The database's clock dates all consent, and decides whether a request began before it.

Clocks of hosts disagree, so none of them is used. The database dates each choice. For a request, the host measures only
how long ago it began, and subtracts that from the database's time. The uncertainty is the round trip to the database;
it counts against sending, so a request is dated as early as it may have begun.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import DEFAULT_DB_ALIAS, connections

from privacy.elapsed import elapsed_ns

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# Round trip short enough to stop measuring.
GOOD_NS = 1_000_000
READINGS = 3


def unix_us(moment: datetime) -> int:
    """Unix time in microseconds, exact; a float would be off by some tenths of one."""
    return (moment - EPOCH) // MICROSECOND


def unix_ns(moment: datetime) -> int:
    """Unix time in nanoseconds, exact to the microsecond."""
    return unix_us(moment) * 1000


def from_unix_us(microseconds: int) -> datetime:
    """The moment, UTC. Raises OverflowError past the year 9999."""
    return EPOCH + microseconds * MICROSECOND


@dataclass(frozen=True, slots=True)
class DatabaseClock:
    """Lower bound, in `ahead_ns`, of the database's Unix time minus this host's elapsed time."""

    ahead_ns: int

    def earliest_ns(self, at_ns: int) -> int:
        """Earliest Unix time that the database's clock can have shown at `at_ns` of `elapsed_ns`."""
        return at_ns + self.ahead_ns


def database_now(using: str = DEFAULT_DB_ALIAS) -> datetime:
    """The current time of a database, which advances within a transaction."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def _reading() -> tuple[int, int, int]:
    """Nanoseconds: this host's elapsed time before the query, the database's time, elapsed time after."""
    asked_ns = elapsed_ns()
    now = database_now()
    return asked_ns, unix_ns(now), elapsed_ns()


def read_database_clock() -> DatabaseClock:
    """Compare the clocks; repeats slow readings, up to READINGS times. Raises django.db.DatabaseError."""
    ahead = []
    for _ in range(READINGS):
        asked_ns, now_ns, answered_ns = _reading()
        # The database read its clock before its answer arrived.
        ahead.append(now_ns - answered_ns)
        if answered_ns - asked_ns <= GOOD_NS:
            break
    return DatabaseClock(max(ahead))
