"""Client-side time limits for waiting on PostgreSQL.

The server's own limits (`statement_timeout`) end a slow statement, but not a wait for a frozen server or an unreachable
host, and a site has few threads. TCP's limits detect neither a frozen process nor a local socket. After the limit, this
module asks the server to cancel the statement, and closes the connection.

Only connections passed to `limit` are limited, so a project that uses these apps can decide for itself.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

# libpq parameters of our connections; those in the address take precedence. They detect a lost host within a minute
# instead of hours.
PATIENCE: dict[str, int] = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Longer than any page's statements. Longer tasks lift the limit (`privacy.sessions.lift_limits`).
WAIT_SECONDS = 30.0
CANCEL_SECONDS = 0.5

T = TypeVar("T")
_deadline: ContextVar[float | None] = ContextVar("deadline_of_database_waits", default=None)


class TookTooLong(errors.QueryCanceled):
    """PostgreSQL did not answer within the time limit; the connection was closed."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """End all waits of this thread for limited connections within `seconds`; an inner limit replaces an outer one."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def limit(connection: psycopg.Connection[Any], seconds: float = WAIT_SECONDS) -> None:
    """Limit each wait of this connection to `seconds`, and to the limit of `at_most`."""
    if type(connection) is psycopg.Connection:
        # Django and psycopg's pool construct the connection; neither can be given a class in every case.
        connection.__class__ = LimitedConnection
    if isinstance(connection, LimitedConnection):
        connection.wait_seconds = seconds


class LimitedConnection(psycopg.Connection[Any]):
    """A connection with limited waits. `wait_seconds` applies to each wait; None: only `at_most` applies."""

    wait_seconds: float | None = WAIT_SECONDS
    _is_lifted = False  # until the transaction ends

    def lift(self, *, in_transaction: bool) -> None:
        """Lift the limit, except that of `at_most`, until the transaction ends or else permanently."""
        if in_transaction:
            self._is_lifted = True
        else:
            self.wait_seconds = None

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """psycopg's `wait` with a limit. Raises TookTooLong."""
        deadline = self._until()
        return super().wait(gen if deadline is None else self._ending(gen, deadline), *args, **kwargs)

    def _until(self) -> float | None:
        if self._is_lifted and self.pgconn.transaction_status == TransactionStatus.IDLE:
            self._is_lifted = False
        seconds = None if self._is_lifted else self.wait_seconds
        limits = [_deadline.get(), None if seconds is None else time.monotonic() + seconds]
        return min((each for each in limits if each is not None), default=None)

    def _ending(self, gen: Generator[Any, Any, T], deadline: float) -> Generator[Any, Any, T]:
        """`gen` with a deadline; psycopg resumes it ten times a second even without data."""
        try:
            wanted = next(gen)
            while time.monotonic() <= deadline:
                wanted = gen.send((yield wanted))
        except StopIteration as end:
            result: T = end.value
            return result
        gen.close()
        # A slow server need not finish a statement whose result is discarded.
        if psycopg.capabilities.has_cancel_safe():
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_SECONDS)
        self.pgconn.finish()
        raise TookTooLong("PostgreSQL did not answer within the time allowed")
