"""Defaults of a database that no session of ours can work with: each connection sets what it relies on itself."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from analytics.connection import connect
from tests.analytics.ingest.spans import ERASURE, LOGIN, REQUEST, TEST_RUN, nanoseconds, of, span
from tests.support.databases import ROOT, Scratch, clean_environment, scratch_database
from tests.support.processor import processor_on, send

DEFAULTS = {
    "datestyle": "German, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "America/Los_Angeles",
    "search_path": "elsewhere",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "client_encoding": "LATIN1",
    "statement_timeout": "20s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "transaction_timeout": "30s",
    "idle_session_timeout": "1h",
}


def set_defaults(database: Scratch, defaults: dict[str, str] = DEFAULTS) -> None:
    with database.connect() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("CREATE SCHEMA IF NOT EXISTS elsewhere")
        for name, value in defaults.items():
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(database.name), sql.Identifier(name), sql.Literal(value)
                )
            )


@pytest.fixture(scope="module")
def with_defaults(django_db_setup: None) -> Iterator[Scratch]:
    """A database that was given its defaults after our tables were made, in the schema `public`."""
    with scratch_database() as database:
        assert database.manage("migrate", "-v0").returncode == 0
        set_defaults(database)
        yield database


def count(database: Scratch, query: str) -> int:
    with database.connect() as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


def done(outcome: "subprocess.CompletedProcess[str]") -> str:
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def drive_everything(database: Scratch, url: str) -> None:
    """Processor, commands and site by way of `url`; what they leave is looked at by a connection of the test's."""
    now = datetime.now(UTC)
    days = [nanoseconds(now - timedelta(days=ago)) for ago in (0, 1, 45, 100)]
    with processor_on(url) as port:
        for start in days:
            spans = [span(values, start_time_unix_nano=start) for values in (LOGIN, REQUEST, TEST_RUN)]
            assert send(port, of(*spans)).partial_success.rejected_spans == 0
            assert send(port, of(*spans)).partial_success.rejected_spans == 0  # by way of a temporary table
        # More at once than there are writers.
        with ThreadPoolExecutor(12) as threads:
            answers = [threads.submit(send, port, of(span())) for _ in range(24)]
        assert all(answer.result().partial_success.rejected_spans == 0 for answer in answers)
        before = span({**LOGIN, "user.id": ERASURE["user.id"]})
        assert send(port, of(before, span(ERASURE))).partial_success.error_message == "erased: 1"
    rows = "SELECT count(*) FROM public.analytics_feature_usage"
    assert count(database, rows) == len(days) + 24
    elsewhere = {"DATABASE_URL": url}
    assert "2/4 rollups: 4 days" in done(database.manage("keep_telemetry", **elsewhere))
    assert count(database, "SELECT count(*) FROM public.analytics_cohort") > 0
    environment = clean_environment(DATABASE_URL=url)
    done(database.manage("keep_telemetry", "--recompute", **elsewhere))
    assert "dropped" in done(database.manage("keep_telemetry", "--months", "2", **elsewhere))
    done(database.manage("purge_old_telemetry", "--months", "1", **elsewhere))
    # A month goes as a whole; of one that is past its time in part, the rows in time stay.
    assert count(database, f"{rows} WHERE \"timestamp\" < date_trunc('month', now() - interval '1 month')") == 0
    assert count(database, f"{rows} WHERE \"timestamp\" > now() - interval '1 month'") == 1 + 1 + 24
    done(database.manage("load_demo_telemetry", "--yes", "--people", "3", "--days", "3", **elsewhere))
    done(database.manage("migrate", "--check", **elsewhere))
    role = f"reader_{database.name}"
    done(
        database.manage(
            "grant_reporting_access", role, TELEMETRY_REPORTING_PASSWORD="a password of a role", **elsewhere
        )
    )
    done(database.manage("grant_reporting_access", role, "--remove", **elsewhere))
    journey = [sys.executable, "-m", "tests.support.journey"]
    done(subprocess.run(journey, cwd=ROOT, env=environment, capture_output=True, text=True, check=False))
    assert count(database, "SELECT count(*) FROM public.privacy_consent_event") > 0
    assert count(database, "SELECT count(*) FROM public.analytics_erasure") > 0


def test_all_of_the_product_works_whatever_the_databases_defaults_are(with_defaults: Scratch) -> None:
    drive_everything(with_defaults, with_defaults.url)


def test_the_tables_are_made_in_a_database_with_such_defaults(django_db_setup: None) -> None:
    with scratch_database() as database:
        set_defaults(database)
        done(database.manage("migrate", "-v0"))
        done(database.manage("keep_telemetry"))
        done(database.manage("migrate", "analytics", "zero"))
        done(database.manage("migrate", "-v0"))


def test_a_schema_of_the_operators_choice_is_left_alone(django_db_setup: None) -> None:
    with scratch_database() as database:
        set_defaults(database, {"search_path": "elsewhere"})
        done(database.manage("migrate", "-v0"))
        assert count(database, "SELECT count(*) FROM elsewhere.django_migrations") > 0
        with connect(_conninfo(database)) as connection:
            assert connection.execute("SHOW search_path").fetchone() == ("elsewhere",)


def test_functions_find_the_tables_whatever_the_callers_search_path_is(with_defaults: Scratch) -> None:
    with with_defaults.connect() as somebody:
        somebody.execute("SET default_transaction_read_only = off; SET search_path = pg_catalog")
        somebody.execute("SELECT public.analytics_make_month(now())")
        somebody.execute(
            "SELECT public.analytics_erase_person(gen_random_uuid(), ARRAY[gen_random_uuid()], now(), now())"
        )
        somebody.execute("SELECT * FROM public.analytics_begin_ingest('{}')")
        somebody.execute("SELECT public.analytics_percentile('{1,2}', '{1,1}', 0.5)")


@pytest.mark.parametrize(
    "name", ["default_transaction_isolation", "default_transaction_read_only", "statement_timeout"]
)
def test_what_the_connection_itself_asks_for_stays(with_defaults: Scratch, name: str) -> None:
    value = {"statement_timeout": "17s", "default_transaction_read_only": "on"}.get(name, "repeatable read")
    escaped = value.replace(" ", r"\ ")
    with connect(f"{_conninfo(with_defaults)} options='-c {name}={escaped}'".replace("\\", "\\\\")) as connection:
        row = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
    assert row == (value,)


def _conninfo(database: Scratch) -> str:
    return psycopg.conninfo.make_conninfo(
        dbname=database.name, host=database.host, user=database.user, password=database.password
    )
