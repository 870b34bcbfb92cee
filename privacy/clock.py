"""The database's clock: the one clock by which consent is dated, and by which it is told what came before it.

Hosts disagree, so none of theirs takes part. A choice is dated by the database. A host knows of a request only how long
ago it began; that, taken from the database's time, is when it began. How long the database's answer was on its way is
the uncertainty, and it always counts against: a request counts as begun as early as it may have.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import DEFAULT_DB_ALIAS, connections

from privacy.elapsed import elapsed_ns

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# A reading this good ends the search for a better one.
GOOD_NS = 1_000_000
READINGS = 3


def unix_us(moment: datetime) -> int:
    """Unix time in microseconds, exactly; through a float it would be off by some tenths of one."""
    return (moment - EPOCH) // MICROSECOND


def unix_ns(moment: datetime) -> int:
    """Unix time in nanoseconds, as exactly."""
    return unix_us(moment) * 1000


def from_unix_us(microseconds: int) -> datetime:
    """The moment, UTC. Raises OverflowError past the year 9999."""
    return EPOCH + microseconds * MICROSECOND


@dataclass(frozen=True, slots=True)
class DatabaseClock:
    """`ahead_ns`: what the database's clock (Unix time) shows, less this host's elapsed time; at least."""

    ahead_ns: int

    def earliest_ns(self, at_ns: int) -> int:
        """Unix time by the database's clock that it was at least at `at_ns` of `elapsed_ns`."""
        return at_ns + self.ahead_ns


def database_now() -> datetime:
    """Now by the database's clock; within a transaction too it goes on."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def _reading() -> tuple[int, int, int]:
    """This host's elapsed time before asking, the database's clock, this host's elapsed time after; nanoseconds."""
    asked_ns = elapsed_ns()
    now = database_now()
    return asked_ns, unix_ns(now), elapsed_ns()


def read_database_clock() -> DatabaseClock:
    """Compare the clocks, a few times if an answer was slow. Raises django.db.DatabaseError."""
    ahead = []
    for _ in range(READINGS):
        asked_ns, now_ns, answered_ns = _reading()
        # Whenever the clock was read, it was before the answer came.
        ahead.append(now_ns - answered_ns)
        if answered_ns - asked_ns <= GOOD_NS:
            break
    return DatabaseClock(max(ahead))
