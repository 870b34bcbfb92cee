"""Sends several statements to PostgreSQL in one message, including COPYs and their data.

PostgreSQL executes the script and stops only at a COPY, for its data. It needs one round trip per COPY and one more;
psycopg's cursors would need two per COPY and one per statement. Cursors cannot send a script with a COPY inside, so
this module uses libpq through `psycopg.pq`: https://www.postgresql.org/docs/current/libpq-copy.html
"""

import select
from contextlib import suppress

import psycopg
from psycopg import errors
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from privacy.waits import WAIT_SECONDS, TookTooLong

# libpq buffers this much at a time without sending it first.
LARGEST_PIECE_BYTES = 128 * 1024


def begin(connection: psycopg.Connection, script: bytes) -> list[PGresult]:
    """Send the script. Returns the results up to the first COPY, which waits for data, or to the end.

    Raises psycopg.Error, like the other functions here. PostgreSQL skips statements after an error.
    """
    connection.pgconn.send_query(script)
    return _results(connection.pgconn)


def send_copy_data(connection: psycopg.Connection, data: bytes) -> list[PGresult]:
    """Send the waiting COPY all its data. Returns the results from there to the next COPY, or to the end."""
    pgconn = connection.pgconn
    for start in range(0, len(data), LARGEST_PIECE_BYTES):
        while not pgconn.put_copy_data(data[start : start + LARGEST_PIECE_BYTES]):
            _send(pgconn)
    while not pgconn.put_copy_end():
        _send(pgconn)
    return _results(pgconn)


def cancel_copy(connection: psycopg.Connection) -> None:
    """Cancel the script at the waiting COPY."""
    pgconn = connection.pgconn
    while not pgconn.put_copy_end(b"cancelled"):
        _send(pgconn)
    with suppress(errors.QueryCanceled):  # the expected answer
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
    """Send all buffered data. Also read what the server sends meanwhile, to avoid a deadlock of two full buffers."""
    while pgconn.flush():
        if _wait(pgconn, select.POLLIN | select.POLLOUT) & select.POLLIN:
            pgconn.consume_input()


def _wait(pgconn: PGconn, events: int) -> int:
    poll = select.poll()
    poll.register(pgconn.socket, events)
    # The server cancels slow statements by itself, but a frozen server cancels nothing.
    if not (found := poll.poll(WAIT_SECONDS * 1000)):
        pgconn.finish()
        raise TookTooLong("PostgreSQL did not answer within the time allowed")
    return found[0][1]


def _error(result: PGresult) -> psycopg.Error:
    if result.error_field(DiagnosticField.SQLSTATE):
        return errors.error_from_result(result)
    # An error without a code comes from libpq: the connection is lost.
    return errors.OperationalError(result.get_error_message())
