"""Three locks between processes, always acquired in this order; see docs/keeping.md.

`analytics_lock_keep`    held by a command until it ends; a second command is refused
`analytics_lock_rollup`  held by a transaction that computes rollups; others wait
`analytics_lock_rows`    shared by transactions that write rows, exclusive for tasks that must see all rows

Each is a lock on an empty table of that name, in a mode that needs write permission. A read-only role cannot acquire
them; any role of the server could acquire an advisory lock.
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

# New writers wait behind a waiting exclusive lock, so each wait is short and repeated.
WAIT_MILLIS = 500
PAUSE_SECONDS = 0.5
MAXIMUM_ATTEMPTS = 20
WORK_MEMORY = "64MB"
LOCK_NOT_AVAILABLE = "55P03"


class AlreadyKeeping(AnalyticsError):
    """Another command is rolling up or purging."""


@contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Hold the lock of commands, which ends with the process. Raises AlreadyKeeping if another process holds it.

    The lock belongs to a transaction on a separate connection, because a session lock would be lost behind a
    transaction pooler. A command therefore needs two connections of a pool.
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
            # Closing would not wait until the server has released the lock. A lost connection has lost its lock.
            with suppress(psycopg.OperationalError):
                own.rollback()


@contextmanager
def computing() -> Iterator[CursorWrapper]:
    """A transaction that computes rollups; only one at a time."""
    with _transaction() as cursor:
        # A busy day's people are sorted; with the default of 4 MB that happens on disk and takes twice as long.
        cursor.execute(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
        cursor.execute("LOCK TABLE analytics_lock_rollup IN SHARE ROW EXCLUSIVE MODE")
        yield cursor


@contextmanager
def _transaction() -> Iterator[CursorWrapper]:
    """A READ COMMITTED transaction without timeouts, which sees what was committed while it waited for a lock."""
    alias = analytics_database()
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        lift_limits(cursor, in_transaction=True)
        yield cursor


@contextmanager
def no_writer_at_work() -> Iterator[CursorWrapper]:
    """A transaction that excludes writers of rows: earlier ones have committed and are visible, later ones wait.

    It must be short. Raises django.db.OperationalError if a writer does not finish for about twenty seconds.
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
