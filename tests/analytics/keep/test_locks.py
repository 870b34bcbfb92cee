"""What a role that only reads can take or hold, nothing of ours waits for."""

import os
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from psycopg.conninfo import make_conninfo

from analytics.ingest.write import Writer
from analytics.keep.partitions import make_month
from analytics.keep.rollups import roll_up
from analytics.models import Erasure, UserActivity
from analytics.router import analytics_database
from analytics.show.bi_views import VIEWS_OF_SCHEMA
from analytics.show.reporting_role import RAW_TABLES
from tests.analytics.keep.conftest import conninfo
from tests.analytics.keep.rows import (
    activity,
    aggregates,
    erase,
    execute,
    feature,
    moment,
    person,
    request,
    rolled_up,
    silently,
)
from tests.analytics.keep.test_commands import OLD, recent, said
from tests.analytics.keep.test_marks import verdicts

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

ROLE = f"holder_{os.getpid()}"
ROOT = Path(__file__).parents[3]
# Names that locks of ours had or might be given. Locks by one number and by two are different ones.
KEYS = ("rows", "keep", "rollup", "make_month", "lock_rows", "lock_keep", "lock_rollup", "erasure", "purge", "migrate")
MODES = (
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)


def signed_in(password: str) -> psycopg.Connection:
    where = connections[analytics_database()].get_connection_params()
    place = {name: where[name] for name in ("host", "port", "dbname") if where.get(name)}
    return psycopg.connect(make_conninfo(**place, user=ROLE, password=password), autocommit=True)


@pytest.fixture
def password(months: None) -> Iterator[str]:
    out = StringIO()
    call_command("grant_reporting_access", ROLE, stdout=out)
    yield out.getvalue().strip().rpartition(" ")[2]
    call_command("grant_reporting_access", ROLE, "--remove", stdout=StringIO())


@pytest.fixture
def reader(password: str) -> Iterator[psycopg.Connection]:
    """Holds every advisory lock it likes, for its session and for its transaction."""
    with signed_in(password) as connection:
        for key in KEYS:
            for lock in ("pg_advisory_lock(hashtext(%s))", "pg_advisory_lock(0, hashtext(%s))"):
                connection.execute(f"SELECT {lock}", [f"analytics_{key}"])  # type: ignore[arg-type]
        connection.execute("SELECT pg_advisory_lock(oid::bigint) FROM pg_class")
        yield connection


@pytest.fixture
def open_transaction(reader: psycopg.Connection) -> psycopg.Connection:
    """Besides, it has read all that it may read, in a transaction that keeps seeing the past."""
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    for name in (*RAW_TABLES, *VIEWS_OF_SCHEMA):
        reader.execute(f"SELECT count(*) FROM {name}")  # type: ignore[arg-type]
        reader.execute(f"LOCK TABLE {name} IN ACCESS SHARE MODE")  # type: ignore[arg-type]
    return reader


def test_rows_come_in_are_counted_and_are_erased(open_transaction: psycopg.Connection) -> None:
    with Writer(conninfo(), slot=0) as writer:
        writer.write(verdicts(1, moment("2026-03-05 12:00")))
        writer.write(verdicts(2, moment("2027-03-05 12:00")))  # in a month that the writer makes
    assert roll_up(report=silently).days == 2
    erase(person(1))
    assert list(UserActivity.objects.values_list("user_id", flat=True)) == [person(2)]
    roll_up(report=silently)
    assert execute("SELECT sum(people) FROM analytics_daily_activity WHERE deployment_type = 'all'") == [(1,)]
    assert make_month(moment("2028-01-01 00:00")) == 3


def test_keep_is_held_up_by_no_lock_of_a_reader(reader: psycopg.Connection) -> None:
    rolled_up([activity(1, OLD), feature(1, OLD), request(1, OLD), *recent()])
    assert "dropped analytics_user_activity_y2024m02" in said("keep_telemetry")
    assert UserActivity.objects.count() == 1


def test_a_purge_that_an_open_transaction_holds_up_is_one_line_and_the_next_one_finishes(
    open_transaction: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled_up([activity(1, OLD), request(1, OLD), *recent()])
    before = aggregates()
    Erasure.objects.create(requested_at=OLD)
    monkeypatch.setattr("analytics.keep.purge.PATIENCE_SECONDS", 0.5)
    out = StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("keep_telemetry", stdout=out)
    assert raised.value.returncode == 1
    assert re.fullmatch(
        rf"analytics_\w+_y2024m02 cannot be dropped while a transaction of {ROLE} \(pid \d+\) is open; .*",
        str(raised.value),
    )
    assert "4/4 deletions elsewhere" in out.getvalue(), "what does not depend on the purge is done all the same"
    with Writer(conninfo(), slot=0) as writer:
        writer.write(verdicts(2, recent()[0].timestamp))
    open_transaction.execute("ROLLBACK")
    roll_up(report=silently)
    said("purge_old_telemetry")
    assert UserActivity.objects.count() == 2
    assert execute("SELECT to_regclass('analytics_user_activity_y2024m02')") == [(None,)]
    old = [line for lines in before.values() for line in lines if "2024-02" in line]
    assert old and set(old) <= {line for lines in aggregates().values() for line in lines}


def test_granting_while_the_views_are_read_is_one_line(
    open_transaction: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.roles.statements.PATIENCE_SECONDS", 1)
    with pytest.raises(CommandError, match="a transaction that has read the views is open") as raised:
        call_command("grant_reporting_access", ROLE, stdout=StringIO())
    assert raised.value.returncode == 1
    assert "\n" not in str(raised.value)


def test_a_reader_can_lock_no_table_of_ours_in_a_mode_that_anything_waits_for(password: str) -> None:
    """ACCESS SHARE, which is left, conflicts with nothing but dropping and altering."""
    tables = [
        name
        for (name,) in execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relname ~ '^analytics_' AND relkind IN ('r', 'p', 'v')"
        )
    ]
    assert {"analytics_lock_keep", "analytics_lock_rollup", "analytics_lock_rows"} <= set(tables)
    with signed_in(password) as connection:
        for table in tables:
            for mode in MODES:
                with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                    connection.execute(f"LOCK TABLE {table} IN {mode} MODE NOWAIT")  # type: ignore[arg-type]


def test_nothing_of_ours_takes_an_advisory_lock() -> None:
    """Every role of the server may take any of them."""
    for package in ("accounts", "analytics", "demo", "privacy", "rhesis_site"):
        for file in [*(ROOT / package).rglob("*.py"), *(ROOT / package).rglob("*.sql")]:
            assert "pg_advisory" not in file.read_text() and "pg_try_advisory" not in file.read_text(), file
