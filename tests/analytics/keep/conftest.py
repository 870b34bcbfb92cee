"""Databases in which every month is one that the test has made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
import pytest
from django.db import connections
from psycopg.conninfo import make_conninfo

from analytics.keep.partitions import Partition, State, partitions, statement
from analytics.router import analytics_database
from tests.analytics.keep.rows import drop_all_months

Elsewhere = Callable[[], psycopg.Connection]


@pytest.fixture
def months(transactional_db: None) -> None:
    """Only the months that are made ahead, and those the test makes."""
    drop_all_months()


def conninfo() -> str:
    parameters = connections[analytics_database()].get_connection_params()
    known = ("dbname", "host", "port", "user", "password")
    return make_conninfo(**{name: parameters[name] for name in known if parameters.get(name)})


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """Makes connections to the analytics database that are not Django's; closed at the end."""
    opened: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        opened.append(psycopg.connect(conninfo(), autocommit=True))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def month_of(table: str, month: datetime) -> Partition:
    return next(each for each in partitions() if each.table == table and each.start == month)


def hold_lock(connection: psycopg.Connection, name: str) -> None:
    """Begins a transaction that holds one of our locks alone, as another process of ours would."""
    connection.execute("BEGIN")
    connection.execute(f"LOCK TABLE analytics_lock_{name} IN SHARE ROW EXCLUSIVE MODE")  # type: ignore[arg-type]


@contextmanager
def somebody_reading(connection: psycopg.Connection, table: str) -> Iterator[None]:
    """A transaction that has read the table and goes on."""
    with connection.transaction():
        connection.execute(f'SELECT count(*) FROM "{table}"')  # type: ignore[arg-type]
        yield


@pytest.fixture
def half_detach(elsewhere: Elsewhere) -> Callable[[Partition], None]:
    """Leaves a month as a purge does that is killed while it waits for readers."""

    def leave(partition: Partition) -> None:
        reader, purger = elsewhere(), elsewhere()
        with somebody_reading(reader, partition.table):
            purger.execute("SET statement_timeout = '300ms'")
            with pytest.raises(psycopg.errors.QueryCanceled):
                purger.execute(
                    statement("ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY", partition.table, partition.name)  # type: ignore[arg-type]
                )
        assert month_of(partition.table, partition.start).state is State.HALF_DETACHED

    return leave
