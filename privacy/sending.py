"""The database lock that orders attempts to send and withdrawals of consent.

An attempt takes the lock in shared mode, reads consent, sends and releases it; any number of attempts hold it at once.
A withdrawal commits first, then waits until all attempts that held the lock have released it. An attempt that takes the
lock later reads the withdrawal. Nothing else waits for the lock. It is a table lock, which needs rights on the table,
and belongs to a transaction, so that it works behind a transaction pooler.

An attempt ends after five seconds. If its process freezes, PostgreSQL ends the session after six; `still_held` then
stops the process, once it continues, before it sends a byte.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections, transaction
from django.db.backends.utils import CursorWrapper

from privacy.elapsed import elapsed
from privacy.outages import cause

logger = logging.getLogger(__name__)

# Timeouts of the role, database or connection would end the lock early, or the wait for it.
NO_OTHER_LIMITS = """
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('statement_timeout', 'transaction_timeout') AND setting <> '0';
"""
# PostgreSQL ends an attempt's session after HELD_SECONDS without a statement; the lock is certain for SURE_SECONDS.
HELD_SECONDS = 6
SURE_SECONDS = 5.0
# An attempt that finds a withdrawal waiting fails after a second and is repeated later.
ATTEMPT = f"""{NO_OTHER_LIMITS}SET LOCAL idle_in_transaction_session_timeout = '{HELD_SECONDS}s';
SET LOCAL lock_timeout = '1s';
LOCK TABLE privacy_installation_control IN ROW EXCLUSIVE MODE
"""
# Longer than any attempt holds the lock. Attempts that begin meanwhile queue behind the withdrawal.
LONGEST_WAIT_SECONDS = 8
BARRIER = f"""{NO_OTHER_LIMITS}SET LOCAL lock_timeout = '{LONGEST_WAIT_SECONDS}s';
LOCK TABLE privacy_installation_control IN SHARE MODE
"""


class NoLongerHeld(Exception):
    """The lock may have been lost, so a withdrawal may have been confirmed: nothing may be sent."""


@contextmanager
def attempt() -> Iterator[Callable[[], float]]:
    """Hold the lock: inside the block no withdrawal is confirmed. Read consent inside, never before.

    Yields `still_held`. Call it immediately before sending: it returns the moment, in seconds of `Elapsed.now`, until
    which bytes may leave, or raises NoLongerHeld. Raises django.db.DatabaseError if the lock is not available.
    """
    inside = connections[DEFAULT_DB_ALIAS].in_atomic_block
    with _locked(ATTEMPT) as cursor:
        if inside:
            _see_what_is_committed(cursor)

        def still_held() -> float:
            asked_at = elapsed.now()
            try:
                cursor.execute("SELECT 1")
            except (DatabaseError, InterfaceError) as error:
                raise NoLongerHeld(type(error).__name__) from None
            return asked_at + SURE_SECONDS

        yield still_held


def wait_for_attempts() -> bool:
    """Wait until every attempt that may have read older consent has ended. False if the database failed.

    Call it after a withdrawal is committed and before it is confirmed.
    """
    try:
        with _locked(BARRIER):
            return True
    except (DatabaseError, InterfaceError) as error:
        logger.warning("A withdrawal did not wait for attempts under way: %s", cause(error, DEFAULT_DB_ALIAS))
        return False


def _see_what_is_committed(cursor: CursorWrapper) -> None:
    """Raise DatabaseError in a surrounding transaction whose snapshot would hide a withdrawal."""
    cursor.execute("SHOW transaction_isolation")
    if cursor.fetchone()[0] != "read committed":
        raise DatabaseError("a transaction that is not READ COMMITTED cannot read current consent")


@contextmanager
def _locked(statement: str) -> Iterator[CursorWrapper]:
    """Run `statement` in a transaction that is always rolled back, which releases its lock and settings."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            yield cursor
            transaction.set_rollback(True)
    except (DatabaseError, InterfaceError):
        if not connection.in_atomic_block:
            connection.close()  # the server may have ended the session; the next query opens a new one
        raise
