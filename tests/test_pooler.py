"""Behind a real PgBouncer that gives each transaction another session: all works, or it says what is wanted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg.conninfo import make_conninfo

from analytics.connection import connect
from privacy.sessions import settle
from tests.support.databases import Scratch, scratch_database
from tests.support.pooler import pooled
from tests.test_session_defaults import drive_everything, set_defaults


@pytest.fixture
def database(django_db_setup: None) -> Iterator[Scratch]:
    with scratch_database() as scratch:
        yield scratch


def migrate(database: Scratch, **environment: str) -> None:
    done = database.manage("migrate", "-v0", **environment)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def template(django_db_setup: None) -> Iterator[Scratch]:
    """Our tables, made once for all tests of this module."""
    with scratch_database() as scratch:
        migrate(scratch)
        yield scratch


@pytest.fixture
def migrated(template: Scratch) -> Iterator[Scratch]:
    with scratch_database(template.name) as scratch:
        yield scratch


def test_all_of_the_product_works_behind_a_transaction_pooler(database: Scratch) -> None:
    with pooled(database, size=2) as url:
        migrate(database, DATABASE_URL=url)
        drive_everything(database, url)


def test_two_commands_at_once_exclude_each_other_behind_a_transaction_pooler(migrated: Scratch) -> None:
    with pooled(migrated, size=3) as url, connect(url) as other:
        with other.transaction():
            other.execute("LOCK TABLE analytics_lock_keep IN SHARE ROW EXCLUSIVE MODE")
            refused = migrated.manage("keep_telemetry", DATABASE_URL=url)
        assert refused.returncode == 2 and "another process is rolling up or purging" in refused.stderr
        assert migrated.manage("keep_telemetry", DATABASE_URL=url).returncode == 0


def test_formats_that_the_pooler_follows_are_set_in_each_session_it_gives(database: Scratch) -> None:
    set_defaults(database, {"datestyle": "German, DMY", "timezone": "America/Los_Angeles"})
    with pooled(database, size=2) as url, connect(url) as first, connect(url) as second:
        # Each transaction holds one of the two sessions, so each is looked at.
        for one, other in ((first, second), (second, first)):
            with one.transaction():
                one.execute("SELECT 1")
                assert other.execute("SHOW datestyle").fetchone() == ("ISO, MDY",)
                assert other.execute("SHOW timezone").fetchone() == ("UTC",)


def test_transactions_say_themselves_what_they_are(database: Scratch) -> None:
    """Behind the pooler nothing is set on a session, so that no other finds it so by chance."""
    set_defaults(database, {"default_transaction_isolation": "serializable", "default_transaction_read_only": "on"})
    with pooled(database, size=1) as url, connect(url) as connection:
        with connection.transaction():
            assert connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
            assert connection.execute("SHOW transaction_read_only").fetchone() == ("off",)
        assert settle(connection).is_pooled
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)


@pytest.mark.parametrize(
    ("name", "value"),
    [("default_transaction_read_only", "on"), ("intervalstyle", "sql_standard"), ("search_path", "elsewhere")],
)
def test_a_default_that_no_connection_can_set_behind_a_pooler_is_a_numbered_error(
    migrated: Scratch, name: str, value: str
) -> None:
    set_defaults(migrated, {name: value})
    asked = "from django.db import connection; connection.ensure_connection(); connection.close()"
    commands = (
        ("check", "--database", "default"),
        ("keep_telemetry",),
        ("run_telemetry_processor",),
        ("shell", "-c", f"{asked}; connection.ensure_connection()"),
    )
    with pooled(migrated) as url, ThreadPoolExecutor() as threads:
        *outcomes, site = threads.map(lambda words: migrated.manage(*words, DATABASE_URL=url), commands)
        for refused in outcomes:
            assert refused.returncode in {1, 2} and "Traceback" not in refused.stderr, refused.stderr
            for said in ("privacy.E020", "pooler", value, "ALTER ROLE"):
                assert said in refused.stderr, refused.stderr
        assert site.returncode == 0 and site.stderr.count("privacy.E020") == 1, site.stderr
    # Without the pooler each connection sets it.
    assert migrated.manage("keep_telemetry").returncode == 0


def test_without_a_pooler_none_is_found(database: Scratch) -> None:
    where = make_conninfo(dbname=database.name, host=database.host, user=database.user, password=database.password)
    with connect(where) as connection:
        assert not settle(connection).is_pooled
