"""The product under its roles: each process does its work, and PostgreSQL refuses to it what is not its own."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from psycopg.errors import InsufficientPrivilege

from analytics.roles.rights import OURS, RIGHTS, ROLES
from tests.analytics.ingest.spans import ERASURE, LOGIN, REQUEST, TEST_RUN, nanoseconds, of, span
from tests.support.databases import ROOT, Scratch, clean_environment, manage, scratch_database
from tests.support.processor import processor_on, send

Urls = dict[str, str]
# Roles are the server's, not the test database's: one of each process that runs tests.
READER = f"reader_of_roles_{os.getpid()}"


def done(outcome: "subprocess.CompletedProcess[str]") -> str:
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def refused(outcome: "subprocess.CompletedProcess[str]") -> str:
    """The one line of a command that somebody has to change something for."""
    assert outcome.returncode == 2 and "Traceback" not in outcome.stderr, outcome.stderr
    return outcome.stderr.strip()


@contextmanager
def roles_dropped_at_the_end() -> Iterator[list[str]]:
    """Prefixes of roles. They are the server's, and stay when the database goes that they have rights in."""
    prefixes: list[str] = []
    try:
        yield prefixes
    finally:
        with Scratch("postgres").connect() as server:
            for name in (f"{prefix}_{role}" for prefix in prefixes for role in ROLES):
                server.execute(f"DROP ROLE IF EXISTS {name}")  # type: ignore[arg-type]


@contextmanager
def with_roles(template: str, files: Path) -> Iterator[tuple[Scratch, Urls]]:
    """A copy of a migrated database, and the address of each role."""
    with roles_dropped_at_the_end() as prefixes, scratch_database(template) as database:
        prefixes.append(database.name)
        done(database.manage("grant_roles", "--files", str(files)))
        yield database, {path.name: path.read_text().strip().removeprefix("DATABASE_URL=") for path in files.iterdir()}


@pytest.fixture(scope="module")
def migrated(django_db_setup: None) -> Iterator[Scratch]:
    with scratch_database() as scratch:
        done(scratch.manage("migrate", "-v0"))
        yield scratch


@pytest.fixture(scope="module")
def shared(migrated: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scratch, Urls]]:
    with with_roles(migrated.name, tmp_path_factory.mktemp("roles")) as found:
        yield found


@pytest.fixture(scope="module")
def database(shared: tuple[Scratch, Urls]) -> Scratch:
    return shared[0]


@pytest.fixture(scope="module")
def urls(shared: tuple[Scratch, Urls]) -> Urls:
    return shared[1]


def count(database: Scratch, table: str) -> int:
    with database.connect() as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def visit(environment: dict[str, str]) -> None:
    """Open the site's pages as a person and as staff. No line of the log is about a right that is missing."""
    journey = [sys.executable, "-m", "tests.support.journey"]
    site = subprocess.run(
        journey, cwd=ROOT, env=clean_environment(**environment), capture_output=True, text=True, check=False
    )
    done(site)
    assert "permission denied" not in site.stderr and "42501" not in site.stderr, site.stderr


COMMANDS = [
    *((role, "migrate", "--check") for role in ROLES),
    ("keeper", "purge_old_telemetry"),
    ("keeper", "send_pending_erasures"),
    ("site", "send_pending_erasures"),
    ("site", "verify_ledger"),
    ("site", "erase_user_telemetry", "--replay"),
    ("owner", "grant_reporting_access", READER),
    ("owner", "grant_reporting_access", READER, "--remove"),
    ("owner", "load_demo_telemetry", "--yes", "--people", "3", "--days", "3"),
    ("owner", "load_demo_telemetry", "--remove"),
]
SHARED_AND_SENT = """
from analytics import flush, telemetry_for, track_feature_usage
from tests.support.people import someone_who_shares
with telemetry_for(someone_who_shares()):
    track_feature_usage("test_run", "created")
assert flush()
"""


def test_every_process_does_its_work_under_its_role(database: Scratch, urls: Urls) -> None:
    now = datetime.now(UTC)
    days = [nanoseconds(now - timedelta(days=ago)) for ago in (0, 100)]
    with processor_on(urls["processor"]) as port:
        for start in days:  # the second one is of a month that is not there
            spans = [span(values, start_time_unix_nano=start) for values in (LOGIN, REQUEST, TEST_RUN)]
            for _ in range(2):
                assert send(port, of(*spans)).partial_success.rejected_spans == 0
        assert [count(database, table) for table in ("analytics_user_activity", "analytics_feature_usage")] == [2, 2]
        before = span({**LOGIN, "user.id": ERASURE["user.id"]})
        assert send(port, of(before, span(ERASURE))).partial_success.error_message == "erased: 1"

        here = {
            "DATABASE_URL": urls["site"],
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        }
        visit(here)
        done(database.manage("shell", "-c", SHARED_AND_SENT, **here))
        assert "test span: stored after" in database.manage("telemetry_doctor", **here).stdout
    assert count(database, "analytics_export_tally WHERE outcome = 'sent'") > 0
    assert count(database, "privacy_ledger_link") == count(database, "privacy_consent_event") > 0
    assert count(database, "analytics_erasure WHERE completed_at IS NOT NULL") >= 2

    assert "2/4 rollups" in done(database.manage("keep_telemetry", DATABASE_URL=urls["keeper"]))
    done(database.manage("keep_telemetry", "--recompute", DATABASE_URL=urls["keeper"]))
    assert "dropped" in done(database.manage("keep_telemetry", "--months", "2", DATABASE_URL=urls["keeper"]))
    assert count(database, "analytics_feature_usage WHERE \"timestamp\" < now() - interval '99 days'") == 0
    assert count(database, "analytics_daily_feature") > 0
    assert "Intact" in done(database.manage("verify_ledger", DATABASE_URL=urls["site"]))
    for role, *words in COMMANDS:
        outcome = database.manage(*words, DATABASE_URL=urls.get(role, database.url))
        assert outcome.returncode == 0 and "permission denied" not in outcome.stderr, (words, outcome.stderr)
    for role in ("site", "keeper"):
        examined = database.manage("telemetry_doctor", DATABASE_URL=urls[role])
        assert "partitions" in examined.stdout and "42501" not in examined.stdout + examined.stderr, examined.stdout


FORGED = """
CREATE TABLE pg_temp.bait (id int);
CREATE TABLE pg_temp.deeper (id int);
CREATE FUNCTION pg_temp.again() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO pg_temp.deeper VALUES (1); RETURN NEW; END';
CREATE FUNCTION pg_temp.forge() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO privacy_ledger_link VALUES (1, gen_random_uuid(), repeat(''0'', 64)); RETURN NEW; END';
CREATE TRIGGER bait BEFORE INSERT ON pg_temp.bait FOR EACH ROW EXECUTE FUNCTION pg_temp.again();
CREATE TRIGGER deeper BEFORE INSERT ON pg_temp.deeper FOR EACH ROW EXECUTE FUNCTION pg_temp.forge();
INSERT INTO pg_temp.bait VALUES (1)
"""
OF_THE_LEDGERS = [
    statement.format(ledger)
    for ledger in ("privacy_consent_event", "privacy_access_event", "privacy_ledger_link", "privacy_ledger_head")
    for statement in (
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "DROP TABLE {} CASCADE",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "ALTER TABLE {} OWNER TO CURRENT_USER",
        "CREATE RULE quiet AS ON INSERT TO {} DO INSTEAD NOTHING",
        "CREATE TRIGGER more BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION privacy_refuse_by_hand()",
    )
] + [
    "UPDATE privacy_consent_event SET action = 'disabled'",
    "UPDATE privacy_access_event SET lines = 0",
    "UPDATE privacy_ledger_link SET hash = ''",
    "UPDATE privacy_ledger_head SET number = 0",
    "INSERT INTO privacy_ledger_link VALUES (1, gen_random_uuid(), repeat('0', 64))",
    "INSERT INTO privacy_ledger_head VALUES (1, 0, '')",
    "DROP TRIGGER privacy_consent_event_append_only ON privacy_consent_event",
    "SET session_replication_role = replica",
    FORGED,
    "CREATE OR REPLACE FUNCTION privacy_refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "ALTER FUNCTION privacy_link_ledger_line() SECURITY INVOKER",
    "CREATE FUNCTION public.mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "GRANT {owner} TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "CREATE ROLE another",
    "GRANT UPDATE ON privacy_consent_event TO CURRENT_USER; UPDATE privacy_consent_event SET source = 'api'",
    "UPDATE django_migrations SET app = app",
]
# Of the keeper, who owns the rows and makes their months.
NOT_OF_THE_KEEPER = {
    "CREATE FUNCTION public.mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
}
FORBIDDEN = {
    "site": [
        *OF_THE_LEDGERS,
        "DELETE FROM analytics_user_activity",
        "INSERT INTO analytics_user_activity SELECT * FROM analytics_user_activity",
        "UPDATE analytics_endpoint_usage SET duration_ms = 0",
        "DROP TABLE analytics_feature_usage",
        "TRUNCATE analytics_feature_usage",
        "SELECT analytics_make_month(now())",
        "UPDATE analytics_noise_key SET key = ''",
        "UPDATE analytics_view_threshold SET smallest_group = 1",
        "UPDATE analytics_ingest_tally SET spans = 0",
        "LOCK TABLE analytics_lock_keep IN SHARE ROW EXCLUSIVE MODE",
        "CREATE TABLE mine (id int)",
    ],
    "processor": [
        *OF_THE_LEDGERS,
        "INSERT INTO privacy_consent_event (id) VALUES (gen_random_uuid())",
        "SELECT FROM privacy_consent_event",
        "SELECT FROM privacy_preference",
        "SELECT FROM accounts_user",
        "SELECT FROM django_session",
        "SELECT FROM knox_authtoken",
        "DELETE FROM analytics_user_activity",
        "UPDATE analytics_user_activity SET user_id = gen_random_uuid()",
        "TRUNCATE analytics_user_activity",
        "UPDATE analytics_export_tally SET spans = 0",
        "UPDATE analytics_view_threshold SET smallest_group = 1",
        "CREATE TABLE mine (id int)",
    ],
    "keeper": [
        *(each for each in OF_THE_LEDGERS if each not in NOT_OF_THE_KEEPER),
        "INSERT INTO privacy_consent_event (id) VALUES (gen_random_uuid())",
        "UPDATE privacy_preference SET choice = true",
        "UPDATE privacy_installation_control SET locked = false",
        "UPDATE accounts_user SET is_superuser = true",
        "SELECT FROM django_session",
        "SELECT FROM knox_authtoken",
        "SELECT FROM privacy_service_token",
        "UPDATE analytics_ingest_tally SET spans = 0",
        "UPDATE analytics_noise_key SET key = ''",
    ],
}


@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_its_own_is_refused_to_a_role(database: Scratch, urls: Urls, role: str) -> None:
    allowed = []
    with psycopg.connect(urls[role], autocommit=True) as connection:
        for statement in FORBIDDEN[role]:
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(statement.replace("{owner}", database.user))  # type: ignore[arg-type]
            except InsufficientPrivilege:
                continue
            allowed.append(statement)
    assert not allowed


def test_nobody_writes_the_chain_by_hand_but_each_line_is_linked(database: Scratch, urls: Urls) -> None:
    line = (
        "INSERT INTO privacy_consent_event (id, action, source, recorded_at, organization_id) "
        "VALUES (gen_random_uuid(), 'enabled', 'api', now(), '')"
    )
    before = count(database, "privacy_ledger_link")
    with psycopg.connect(urls["site"], autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE privacy_ledger_head (LIKE privacy_ledger_head)")
        connection.execute("CREATE TEMPORARY TABLE privacy_ledger_link (LIKE privacy_ledger_link)")
        connection.execute("SET search_path = pg_temp, public")
        connection.execute(line)
    assert count(database, "privacy_ledger_link") == before + 1
    assert "Intact" in done(database.manage("verify_ledger"))


def test_a_second_run_changes_nothing_but_what_somebody_changed(database: Scratch, urls: Urls) -> None:
    assert done(database.manage("grant_roles")).splitlines() == [
        f"{database.name}_{role}: 0 rights changed" for role in ROLES
    ]
    site = f"{database.name}_site"
    with database.connect() as connection:
        connection.execute(f"GRANT DELETE, UPDATE (action) ON privacy_consent_event TO {site}")
        connection.execute(f"REVOKE INSERT ON privacy_consent_event FROM {site}")
    assert f"{site}: 3 rights changed" in done(database.manage("grant_roles"))
    with psycopg.connect(urls["site"]) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("UPDATE privacy_consent_event SET action = 'enabled'")


def test_a_right_of_everybody_is_refused(database: Scratch) -> None:
    with database.connect() as connection:
        connection.execute("GRANT DELETE ON privacy_consent_event TO PUBLIC")
        try:
            assert "could DELETE privacy_consent_event" in refused(database.manage("grant_roles"))
        finally:
            connection.execute("REVOKE DELETE ON privacy_consent_event FROM PUBLIC")


def test_migrations_give_the_roles_their_rights_on_what_is_new(database: Scratch, urls: Urls) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE of_a_project (id bigint GENERATED BY DEFAULT AS IDENTITY, serial serial)")
        connection.execute("ALTER FUNCTION analytics_make_month SECURITY INVOKER")
    done(database.manage("migrate", "-v0"))
    with psycopg.connect(urls["site"], autocommit=True) as site:
        site.execute("INSERT INTO of_a_project DEFAULT VALUES")
        site.execute("DELETE FROM of_a_project")
    with psycopg.connect(urls["processor"], autocommit=True) as processor:
        processor.execute("SELECT analytics_make_month(now() - interval '5 months')")
        with pytest.raises(InsufficientPrivilege):
            processor.execute("SELECT FROM of_a_project")


def test_an_own_role_is_no_reader_of_reports(database: Scratch) -> None:
    for role in ROLES:
        outcome = database.manage("grant_reporting_access", f"{database.name}_{role}")
        assert "is the role of one of this site's processes" in refused(outcome)


def test_the_check_for_deployments_warns_where_the_role_could_change_the_ledger(database: Scratch, urls: Urls) -> None:
    def checked(url: str) -> str:
        return manage("check", "--deploy", "--database", "default", DATABASE_URL=url).stderr

    assert f"The database role {database.user} of DATABASE_URL could change the ledger" in checked(database.url)
    for role in ROLES:
        assert "privacy.W004" not in checked(urls[role])


def test_new_passwords_replace_the_old_ones_and_are_private(migrated: Scratch, tmp_path: Path) -> None:
    with with_roles(migrated.name, tmp_path / "first") as (database, urls):
        files = tmp_path / "second"
        done(database.manage("grant_roles", "--new-passwords", "--files", str(files)))
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in files.iterdir()} == dict.fromkeys(ROLES, 0o600)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(urls["site"])
        psycopg.connect((files / "site").read_text().strip().removeprefix("DATABASE_URL=")).close()
        (tmp_path / "file").write_text("")
        nowhere = str(tmp_path / "file")
        assert "run this again with --new-passwords" in refused(
            database.manage("grant_roles", "--new-passwords", "--files", nowhere)
        )
        printed = done(database.manage("grant_roles", "--new-passwords"))
        assert printed.count("shown only once") == printed.count("DATABASE_URL=postgres://") == 3


def test_telemetry_in_a_database_of_its_own_has_the_same_roles(django_db_setup: None, tmp_path: Path) -> None:
    with roles_dropped_at_the_end() as prefixes, scratch_database() as site, scratch_database() as rows:
        prefixes.append(site.name)
        both = {"DATABASE_URL": site.url, "ANALYTICS_DATABASE_URL": rows.url}
        done(manage("migrate", "-v0", **both))
        done(manage("grant_roles", "--files", str(tmp_path), **both))
        addresses = {
            path.name: dict(line.split("=", 1) for line in path.read_text().splitlines()) for path in tmp_path.iterdir()
        }
        assert all(set(variables) == set(both) for variables in addresses.values())
        with processor_on(site.url, **addresses["processor"]) as port:
            assert send(port, of(span())).partial_success.rejected_spans == 0
        done(manage("keep_telemetry", **addresses["keeper"]))
        visit(addresses["site"])
        for variables in addresses.values():
            done(manage("migrate", "--check", **variables))
        done(manage("migrate", "-v0", **both))


@pytest.mark.parametrize("prefix", ["Capital", "with-hyphen", "pg_own"])
def test_a_prefix_that_is_no_name_is_refused(migrated: Scratch, prefix: str) -> None:
    assert "is not a valid role name" in refused(migrated.manage("grant_roles", "--prefix", prefix))


def test_before_the_first_migration_there_is_nothing_to_grant(django_db_setup: None) -> None:
    with scratch_database() as empty:
        assert "run manage.py migrate first" in refused(empty.manage("grant_roles"))


def test_every_table_of_ours_has_its_rights_stated() -> None:
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert {table for table in tables if table.startswith(OURS)} <= set(RIGHTS)
