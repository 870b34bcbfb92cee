"""Limits the time that a thread waits for PostgreSQL, on this side of the connection.

The server's own limits (`statement_timeout`) end a statement that is slow. They do nothing where the server is frozen
or its host is cut off: the thread would wait for ever, and a site has few threads. TCP's limits see neither a frozen
process nor a socket of the same machine. So each wait of a connection has an end here: the server is asked to cancel
the statement, and the connection is closed.

A project that uses these apps decides itself: only connections given to `limit` have one.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

# libpq's, for connections of ours; an address that names one of them takes precedence. A host that has vanished is
# noticed within a minute, not after the hours that TCP would wait.
PATIENCE: dict[str, int] = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Longer than the statements of any page; work that may take longer lifts it (`privacy.sessions.lift_limits`).
WAIT_SECONDS = 30.0
CANCEL_SECONDS = 0.5

T = TypeVar("T")
_deadline: ContextVar[float | None] = ContextVar("deadline_of_database_waits", default=None)


class TookTooLong(errors.QueryCanceled):
    """PostgreSQL has not answered within the time allowed; the connection was closed."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """All waits of this thread for limited connections end within `seconds`; of two limits the inner one holds."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def limit(connection: psycopg.Connection[Any], seconds: float = WAIT_SECONDS) -> None:
    """Limit each wait of this connection to `seconds`, and to what `at_most` says."""
    if type(connection) is psycopg.Connection:
        # Django and psycopg's pool construct the connection; neither can be given a class in every case.
        connection.__class__ = LimitedConnection
    if isinstance(connection, LimitedConnection):
        connection.wait_seconds = seconds


class LimitedConnection(psycopg.Connection[Any]):
    """A connection whose waits end. `wait_seconds`: of each wait; None for no limit but that of `at_most`."""

    wait_seconds: float | None = WAIT_SECONDS
    _is_lifted = False  # until the transaction ends

    def lift(self, *, in_transaction: bool) -> None:
        """No limit but that of `at_most`, until the transaction ends or else for good."""
        if in_transaction:
            self._is_lifted = True
        else:
            self.wait_seconds = None

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """As psycopg's. Raises TookTooLong."""
        deadline = self._until()
        return super().wait(gen if deadline is None else self._ending(gen, deadline), *args, **kwargs)

    def _until(self) -> float | None:
        if self._is_lifted and self.pgconn.transaction_status == TransactionStatus.IDLE:
            self._is_lifted = False
        seconds = None if self._is_lifted else self.wait_seconds
        limits = [_deadline.get(), None if seconds is None else time.monotonic() + seconds]
        return min((each for each in limits if each is not None), default=None)

    def _ending(self, gen: Generator[Any, Any, T], deadline: float) -> Generator[Any, Any, T]:
        """`gen`, which psycopg resumes ten times a second even if nothing comes."""
        try:
            wanted = next(gen)
            while time.monotonic() <= deadline:
                wanted = gen.send((yield wanted))
        except StopIteration as end:
            result: T = end.value
            return result
        gen.close()
        # A server that is slow, and not frozen, need not finish what nobody waits for.
        if psycopg.capabilities.has_cancel_safe():
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_SECONDS)
        self.pgconn.finish()
        raise TookTooLong("PostgreSQL did not answer within the time allowed")
