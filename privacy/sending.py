"""Which comes first, an attempt to send or a withdrawal: both meet at one lock in the database.

An attempt holds the lock shared, reads consent under it, sends, and lets go; any number of attempts hold it at once. A
withdrawal is committed first, then waits until nobody holds the lock who held it before: whoever takes it afterwards
reads the withdrawal. Nothing else waits: not opting in, not the notice, not a page. The lock is on a table, because
nobody without rights on the table can take it, and belongs to a transaction, so that a transaction pooler passes it on.

An attempt that hangs is over after five seconds. Of a process that is frozen meanwhile, PostgreSQL ends the session
after six; going on, it finds its time over (`still_held`) before a byte leaves.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections, transaction
from django.db.backends.utils import CursorWrapper

from privacy.elapsed import elapsed

logger = logging.getLogger(__name__)

# Limits of the role, the database or the connection would cut the lock short, or the wait for it.
NO_OTHER_LIMITS = """
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('statement_timeout', 'transaction_timeout') AND setting <> '0';
"""
# PostgreSQL ends an attempt's session after HELD seconds of silence; for SURE seconds the lock is certain.
HELD_SECONDS = 6
SURE_SECONDS = 5.0
# An attempt that meets a waiting withdrawal is not made; the next one is.
ATTEMPT = f"""{NO_OTHER_LIMITS}SET LOCAL idle_in_transaction_session_timeout = '{HELD_SECONDS}s';
SET LOCAL lock_timeout = '1s';
LOCK TABLE privacy_installation_control IN ROW EXCLUSIVE MODE
"""
# Longer than any attempt holds it, attempts that began while this waits not counted: those queue up behind it.
LONGEST_WAIT_SECONDS = 8
BARRIER = f"""{NO_OTHER_LIMITS}SET LOCAL lock_timeout = '{LONGEST_WAIT_SECONDS}s';
LOCK TABLE privacy_installation_control IN SHARE MODE
"""


class NoLongerHeld(Exception):
    """The attempt took so long that a withdrawal may have been answered meanwhile: nothing may leave any more."""


@contextmanager
def attempt() -> Iterator[Callable[[], float]]:
    """Inside, no withdrawal is answered. Read consent inside, and nothing from before.

    Yields `still_held`, to be called immediately before sending: the moment of `Elapsed.now` until which bytes may
    leave. It raises NoLongerHeld where there is none. Raises django.db.DatabaseError if the lock cannot be had now.
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
    """Return when every attempt is over that may have read consent before now. False if that could not be found out.

    Call it when a withdrawal is committed and not answered yet.
    """
    try:
        with _locked(BARRIER):
            return True
    except (DatabaseError, InterfaceError) as error:
        logger.warning("A withdrawal did not wait for attempts under way: %s", type(error).__name__)
        return False


def _see_what_is_committed(cursor: CursorWrapper) -> None:
    """In somebody's transaction that shows the past, a withdrawal would not be seen. Raises DatabaseError."""
    cursor.execute("SHOW transaction_isolation")
    if cursor.fetchone()[0] != "read committed":
        raise DatabaseError("a transaction that is not READ COMMITTED cannot show consent as it is now")


@contextmanager
def _locked(statement: str) -> Iterator[CursorWrapper]:
    """A transaction that is always rolled back, and the lock and settings of `statement` with it, also when it is part
    of another transaction."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            yield cursor
            transaction.set_rollback(True)
    except (DatabaseError, InterfaceError):
        if not connection.in_atomic_block:
            connection.close()  # the session may have been ended; the next one who needs it opens another
        raise
