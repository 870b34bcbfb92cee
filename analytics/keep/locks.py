"""Locks between processes, always taken in this order; docs/keeping.md has more.

`analytics_lock_keep`    a command, from its beginning to its end; a second one is refused
`analytics_lock_rollup`  a transaction that computes rollups; another one waits for it
`analytics_lock_rows`    shared by each transaction that writes rows, held alone where none of them may be missed

Each is a lock on an empty table of that name, in a mode that needs the right to write to it. A role that only reads can
take none of them; an advisory lock is free for every role of the server.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg
from django.db import OperationalError, connections, transaction
from django.db.backends.utils import CursorWrapper

from analytics.connection import connect
from analytics.exceptions import AnalyticsError
from analytics.router import analytics_database, conninfo
from privacy.sessions import lift_limits

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
    """Raises AlreadyKeeping if another process is at it. The lock ends with the process.

    It is that of a transaction which does nothing else, on a connection of its own: a lock of the session would be lost
    behind a transaction pooler. So a pool must have two connections for a command.
    """
    alias = analytics_database()
    with connections[alias].wrap_database_errors, closing(connect(conninfo())) as own:
        own.autocommit = False
        lift_limits(own.cursor(), in_transaction=True)
        try:
            own.execute("LOCK TABLE analytics_lock_keep IN SHARE ROW EXCLUSIVE MODE NOWAIT")
        except psycopg.errors.LockNotAvailable:
            raise AlreadyKeeping("another process is rolling up or purging") from None
        with connections[alias].cursor() as cursor:
            lift_limits(cursor, in_transaction=False)
        try:
            yield
        finally:
            # To close would not wait for the server to let go. A connection that is lost has taken its lock with it.
            with suppress(psycopg.OperationalError):
                own.rollback()


@contextmanager
def computing() -> Iterator[CursorWrapper]:
    """A transaction of its own that computes rollups, one at a time."""
    with _transaction() as cursor:
        # A busy day's people are sorted: on disk, with the server's usual 4 MB, that takes twice as long.
        cursor.execute(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
        cursor.execute("LOCK TABLE analytics_lock_rollup IN SHARE ROW EXCLUSIVE MODE")
        yield cursor


@contextmanager
def _transaction() -> Iterator[CursorWrapper]:
    """One that sees, after waiting for a lock, what was committed meanwhile, and that no limit of time cuts short."""
    alias = analytics_database()
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        lift_limits(cursor, in_transaction=True)
        yield cursor


@contextmanager
def no_writer_at_work() -> Iterator[CursorWrapper]:
    """A transaction during which no other adds rows: all that began to has committed and is seen, all later ones wait.

    So it must be short. Raises django.db.OperationalError if a writer does not come to its end for some twenty seconds.
    """
    for attempt in range(1, MAXIMUM_ATTEMPTS + 1):
        with _transaction() as cursor:
            if _is_alone(cursor, is_last_attempt=attempt == MAXIMUM_ATTEMPTS):
                yield cursor
                return
        time.sleep(PAUSE_SECONDS)


def _is_alone(cursor: CursorWrapper, *, is_last_attempt: bool) -> bool:
    try:
        with transaction.atomic(using=analytics_database()):
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAIT_MILLIS}ms"])
            cursor.execute("LOCK TABLE analytics_lock_rows IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute("SET LOCAL lock_timeout = 0")
    except OperationalError as error:
        if is_last_attempt or getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True
