"""A thread waits for PostgreSQL as long as it is allowed, whatever the server does."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from analytics.connection import connect
from privacy.sessions import lift_limits
from privacy.waits import PATIENCE, TookTooLong, at_most, limit
from rhesis_site.database_address import database, with_patience
from tests.acceptance.product import wait_until
from tests.support.databases import Scratch, scratch_database

FOR_EVER = "SELECT pg_sleep(3600)"


@pytest.fixture(scope="module")
def database_of_its_own(django_db_setup: None, django_db_blocker: object) -> Iterator[Scratch]:
    with scratch_database() as scratch:
        yield scratch


@pytest.fixture
def limited(database_of_its_own: Scratch) -> Iterator[psycopg.Connection]:
    with database_of_its_own.connect() as connection:
        limit(connection, 0.2)
        yield connection


def test_a_statement_that_does_not_end_is_over_and_so_is_its_connection(
    limited: psycopg.Connection, database_of_its_own: Scratch
) -> None:
    pid = limited.info.backend_pid
    with pytest.raises(TookTooLong):
        limited.execute(FOR_EVER)
    assert limited.closed
    with database_of_its_own.connect() as other:
        wait_until(
            "the server to have stopped it",
            lambda: other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is None,
        )


def test_what_ends_in_time_is_as_without_a_limit(limited: psycopg.Connection) -> None:
    with limited.transaction():
        assert limited.execute("SELECT pg_sleep(0)").fetchone() is not None
    with pytest.raises(errors.DivisionByZero):
        limited.execute("SELECT 1/0")
    assert limited.execute("SELECT 1").fetchone() == (1,)


def test_a_limit_of_the_thread_covers_all_it_asks_and_an_inner_one_takes_its_place(
    database_of_its_own: Scratch,
) -> None:
    with database_of_its_own.connect() as connection:
        limit(connection)
        with at_most(3600), at_most(0.2), pytest.raises(TookTooLong):
            while True:
                connection.execute("SELECT pg_sleep(0.01)")
    with database_of_its_own.connect() as connection:
        limit(connection)
        with at_most(0), at_most(3600):
            connection.execute("SELECT 1")


def test_a_lifted_limit_is_back_with_the_next_transaction(limited: psycopg.Connection) -> None:
    with limited.transaction(), limited.cursor() as cursor:
        lift_limits(cursor, in_transaction=True)
        cursor.execute("SELECT pg_sleep(0.5)")
    with pytest.raises(TookTooLong):
        limited.execute(FOR_EVER)


def test_a_lifted_limit_leaves_that_of_the_thread(limited: psycopg.Connection) -> None:
    lift_limits(limited.cursor(), in_transaction=False)
    limited.execute("SELECT pg_sleep(0.5)")
    with at_most(0.2), pytest.raises(TookTooLong):
        limited.execute(FOR_EVER)


@pytest.mark.django_db
def test_every_connection_of_the_site_is_limited() -> None:
    from django.db import connection

    connection.ensure_connection()
    with at_most(0.2), pytest.raises(Exception, match="did not answer"), connection.cursor() as cursor:
        cursor.execute(FOR_EVER)
    connection.close()


def test_every_connection_of_the_processor_is_limited(database_of_its_own: Scratch) -> None:
    where = f"postgres://{database_of_its_own.user}@/{database_of_its_own.name}?host={database_of_its_own.host}"
    with connect(f"{where}&password={database_of_its_own.password}") as connection:
        with at_most(0.2), pytest.raises(TookTooLong):
            connection.execute(FOR_EVER)
        assert connection.closed


def test_an_address_takes_precedence_over_the_limits_of_libpq() -> None:
    options = with_patience(database("postgres://me@host/x?connect_timeout=2&keepalives_idle=9"))["OPTIONS"]
    assert (options["connect_timeout"], options["keepalives_idle"]) == (2, 9)
    assert options["tcp_user_timeout"] == PATIENCE["tcp_user_timeout"]
