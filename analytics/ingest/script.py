"""A script of statements, sent to PostgreSQL in one message, with the data that its COPYs ask for on the way.

PostgreSQL goes through it by itself and stops only where a COPY wants data, so there is a round trip for each COPY and
one more. By psycopg's cursors there would be two for each COPY and one for each statement, and each costs a change of
processes here and there. This is libpq as psycopg hands it out (`psycopg.pq`), because its cursors know no script with
a COPY in the middle. https://www.postgresql.org/docs/current/libpq-copy.html
"""

import select
from contextlib import suppress

import psycopg
from psycopg import errors
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from privacy.waits import WAIT_SECONDS, TookTooLong

# libpq takes this much at a time without wanting to send it first.
LARGEST_PIECE_BYTES = 128 * 1024


def begin(connection: psycopg.Connection, script: bytes) -> list[PGresult]:
    """Send the script; the results up to the first COPY, which waits for its data, or to the end.

    Raises psycopg.Error, as the others here do. What follows in a script after an error is not done.
    """
    connection.pgconn.send_query(script)
    return _results(connection.pgconn)


def give(connection: psycopg.Connection, data: bytes) -> list[PGresult]:
    """Give the COPY that waits all its data; the results from there to the next, or to the end."""
    pgconn = connection.pgconn
    for start in range(0, len(data), LARGEST_PIECE_BYTES):
        while not pgconn.put_copy_data(data[start : start + LARGEST_PIECE_BYTES]):
            _send(pgconn)
    while not pgconn.put_copy_end():
        _send(pgconn)
    return _results(pgconn)


def give_up(connection: psycopg.Connection) -> None:
    """End the script at the COPY that waits, as with an error."""
    pgconn = connection.pgconn
    while not pgconn.put_copy_end(b"given up"):
        _send(pgconn)
    with suppress(errors.QueryCanceled):  # which is this
        _results(pgconn)


def _results(pgconn: PGconn) -> list[PGresult]:
    found: list[PGresult] = []
    _send(pgconn)
    while True:
        while pgconn.is_busy():
            _wait(pgconn, select.POLLIN)
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            break
        found.append(result)
        if result.status == ExecStatus.COPY_IN:
            break
    for each in found:
        if each.status == ExecStatus.FATAL_ERROR:
            raise _error(each)
    return found


def _send(pgconn: PGconn) -> None:
    """All that libpq holds back; takes what the server says meanwhile, or both could wait for each other."""
    while pgconn.flush():
        if _wait(pgconn, select.POLLIN | select.POLLOUT) & select.POLLIN:
            pgconn.consume_input()


def _wait(pgconn: PGconn, events: int) -> int:
    poll = select.poll()
    poll.register(pgconn.socket, events)
    # The server ends a statement that is slow; one that is frozen ends nothing.
    if not (found := poll.poll(WAIT_SECONDS * 1000)):
        pgconn.finish()
        raise TookTooLong("PostgreSQL did not answer within the time allowed")
    return found[0][1]


def _error(result: PGresult) -> psycopg.Error:
    if result.error_field(DiagnosticField.SQLSTATE):
        return errors.error_from_result(result)
    # Without a code it is libpq that speaks: the connection is gone.
    return errors.OperationalError(result.get_error_message())
