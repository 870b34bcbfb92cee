"""A script goes in one message, stops where a COPY wants data, and ends at the first error."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors
from psycopg.pq import TransactionStatus

from analytics.ingest.copy import copied
from analytics.ingest.script import LARGEST_PIECE_BYTES, begin, cancel_copy, send_copy_data
from analytics.router import conninfo

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

TWO = b"CREATE TEMP TABLE one (n int); CREATE TEMP TABLE two (n int UNIQUE);"
COPY_ONE, COPY_TWO = (b"COPY " + name + b" FROM STDIN (FORMAT BINARY);" for name in (b"one", b"two"))
SUM = b"SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM two);"


@pytest.fixture
def connection() -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo(), autocommit=True) as own:
        own.execute(TWO)
        yield own


def numbers(*values: int) -> bytes:
    return copied([b"\0\1\0\0\0\4" + value.to_bytes(4, "big") for value in values])


def rows(connection: psycopg.Connection) -> tuple[int, int]:
    found = connection.execute(SUM.rstrip(b";")).fetchone()
    assert found is not None
    return found


def test_each_copy_is_given_its_own_and_results_come_as_they_are_ready(connection: psycopg.Connection) -> None:
    first = begin(connection, b"BEGIN; SELECT 7;" + COPY_ONE + COPY_TWO + SUM + b"COMMIT")
    second = send_copy_data(connection, numbers(1, 2, 3))
    third = send_copy_data(connection, numbers(4))

    assert [each.get_value(0, 0) for each in first[1:2]] == [b"7"]
    assert [each.command_status for each in second[:1]] == [b"COPY 3"]
    assert [each.command_status for each in third] == [b"COPY 1", b"SELECT 1", b"COMMIT"]
    assert (third[1].get_value(0, 0), third[1].get_value(0, 1)) == (b"3", b"1")


def test_a_script_without_a_copy_is_done_at_once(connection: psycopg.Connection) -> None:
    assert [each.command_status for each in begin(connection, b"BEGIN; COMMIT")] == [b"BEGIN", b"COMMIT"]


def test_more_than_fits_into_anybodys_buffers_arrives(connection: psycopg.Connection) -> None:
    many = range(400_000)
    begin(connection, COPY_ONE)
    data = numbers(*many)
    assert len(data) > 20 * LARGEST_PIECE_BYTES

    send_copy_data(connection, data)

    assert rows(connection) == (len(many), 0)


def test_after_an_error_nothing_more_is_done_and_the_connection_is_well(connection: psycopg.Connection) -> None:
    begin(connection, b"BEGIN;" + COPY_ONE + COPY_TWO + b"COMMIT")
    send_copy_data(connection, numbers(1))
    with pytest.raises(errors.UniqueViolation):
        send_copy_data(connection, numbers(5, 5))

    assert connection.info.transaction_status is TransactionStatus.INERROR
    connection.rollback()
    assert rows(connection) == (0, 0)


def test_an_error_before_the_first_copy_is_raised(connection: psycopg.Connection) -> None:
    with pytest.raises(errors.UndefinedTable):
        begin(connection, b"BEGIN; SELECT * FROM nothing;" + COPY_ONE + b"COMMIT")

    connection.rollback()
    assert rows(connection) == (0, 0)


def test_a_script_that_is_given_up_leaves_nothing(connection: psycopg.Connection) -> None:
    begin(connection, b"BEGIN; INSERT INTO one VALUES (1);" + COPY_TWO + b"COMMIT")

    cancel_copy(connection)

    connection.rollback()
    assert rows(connection) == (0, 0)


@pytest.mark.parametrize("begun", [False, True], ids=["before it begins", "while a COPY waits"])
def test_a_server_that_hangs_up_is_an_operational_error(connection: psycopg.Connection, begun: bool) -> None:
    if begun:
        begin(connection, COPY_ONE)
    with psycopg.connect(conninfo(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 60000)", [connection.info.backend_pid])

    with pytest.raises(psycopg.OperationalError):
        send_copy_data(connection, numbers(*range(100_000))) if begun else begin(connection, COPY_ONE)
