"""Who may be at it at once: three locks of the database, always taken in this order; more in docs/keeping.md.

`analytics_keep`    a command, from its beginning to its end: a second one is refused
`analytics_rollup`  a transaction that computes rollups: another one waits for it
`analytics_rows`    shared by every transaction that writes rows, held alone by what must not miss one of them
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connections, transaction
from django.db.backends.utils import CursorWrapper

from analytics.exceptions import AnalyticsError
from analytics.router import analytics_database

# While one waits to be alone, new writers wait as well: not for long at a time, and as often as it takes.
WAIT_MILLIS = 500
PAUSE_SECONDS = 0.5
MAXIMUM_ATTEMPTS = 20
WORK_MEMORY = "64MB"
LOCK_NOT_AVAILABLE = "55P03"


class AlreadyKeeping(AnalyticsError):
    """Another command is rolling up or purging."""


@contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Raises AlreadyKeeping if another process is at it. The lock is the session's: it ends with the process."""
    connection = connections[analytics_database()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('analytics_keep'))")
        row = cursor.fetchone()
    if not row or not row[0]:
        raise AlreadyKeeping("another process is rolling up or purging")
    try:
        yield
    finally:
        # A connection that is lost has taken its lock with it.
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext('analytics_keep'))")


@contextmanager
def computing() -> Iterator[CursorWrapper]:
    """A transaction of its own that computes rollups, one at a time."""
    alias = analytics_database()
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        # A busy day's people are sorted: on disk, with the server's usual 4 MB, that takes twice as long.
        cursor.execute(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('analytics_rollup'))")
        yield cursor


@contextmanager
def no_writer_at_work() -> Iterator[CursorWrapper]:
    """A transaction during which no other adds rows: all that began to has committed and is seen, all later ones wait.

    So it must be short. Raises django.db.OperationalError if a writer does not come to its end for some twenty seconds.
    """
    alias = analytics_database()
    for attempt in range(1, MAXIMUM_ATTEMPTS + 1):
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            if _is_alone(cursor, is_last_attempt=attempt == MAXIMUM_ATTEMPTS):
                yield cursor
                return
        time.sleep(PAUSE_SECONDS)


def _is_alone(cursor: CursorWrapper, *, is_last_attempt: bool) -> bool:
    try:
        with transaction.atomic(using=analytics_database()):
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAIT_MILLIS}ms"])
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('analytics_rows'))")
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if is_last_attempt or getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True
