"""Migrations: fresh and upgraded are the same; and backwards, leaving nothing and coming back the same.

Migrations have literal SQL, so that what they made once they always make. Files of analytics/sql say what functions and
views are now; changed without a migration, they fail here.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from embedded_postgres.cluster import binaries
from tests.support.databases import Scratch, scratch_database

LISTS = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, character_maximum_length
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name !~ '_y\\d{4}m\\d{2}$'""",
    "functions": """
        SELECT proname, prosrc, proconfig FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = 'public'""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgfoid::regproc::text FROM pg_trigger
        WHERE NOT tgisinternal AND tgparentid = 0""",
    "constraints": """
        SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype IN ('p', 'u', 'c') AND conrelid <> 0 AND conrelid::regclass::text !~ '_y\\d{4}m\\d{2}$'""",
    "views": """
        SELECT CASE schemaname WHEN 'public' THEN viewname ELSE schemaname || '.' || viewname END, definition
        FROM pg_views WHERE schemaname IN ('public', 'analytics_bi')""",
}
ROWS = """
INSERT INTO privacy_consent_event (id, action, source, recorded_at)
VALUES (gen_random_uuid(), 'locked', 'command', now());
INSERT INTO analytics_endpoint_usage
    (id, "timestamp", endpoint, method, user_id, status_code, duration_ms, deployment_type)
VALUES (gen_random_uuid(), now(), repeat('/a-long-word', 20), 'GET', gen_random_uuid(), 200, 1, 'cloud');
INSERT INTO django_cache VALUES ('key', 'value', now()) ON CONFLICT DO NOTHING;
"""


def listed(database: psycopg.Connection) -> dict[str, list[str]]:
    return {what: sorted(map(str, database.execute(query).fetchall())) for what, query in LISTS.items()}  # type: ignore[arg-type]


def of_app(app: str, found: dict[str, list[str]]) -> list[str]:
    return [entry for entries in found.values() for entry in entries if f"'{app}_" in entry]


def dumped(database: Scratch) -> list[str]:
    """The whole schema as pg_dump writes it, columns in their order; without the months, which depend on the day."""
    words = ["--schema-only", "--no-owner", "--exclude-table=*_y20??m??", f"--host={database.host}"]
    dump = subprocess.run(
        [binaries() / "pg_dump", *words, f"--username={database.user}", database.name],
        env={"PGPASSWORD": database.password},
        capture_output=True,
        text=True,
        check=False,
    )
    assert dump.returncode == 0, dump.stderr
    # \restrict has a word made up for each dump.
    return [line for line in dump.stdout.splitlines() if not re.match(r"--|\\(un)?restrict ", line)]


def steps() -> list[tuple[str, str]]:
    """Our migrations, one by one, in an order that their dependencies allow."""
    ours = ("accounts", "privacy", "analytics")
    graph = MigrationLoader(None).graph
    return [node for target in graph.leaf_nodes() for node in graph.forwards_plan(target) if node[0] in ours]


def test_a_database_upgraded_through_every_migration_is_the_same_as_a_fresh_one(scratch: Scratch) -> None:
    each = "; ".join(f"call_command('migrate', {app!r}, {name!r}, verbosity=0)" for app, name in dict.fromkeys(steps()))
    upgrade = f"from django.core.management import call_command; {each}; call_command('migrate', verbosity=0)"
    with scratch_database() as other:
        upgraded = other.manage("shell", "-c", upgrade)
        assert upgraded.returncode == 0, upgraded.stderr
        assert dumped(other) == dumped(scratch)


DEFINES = re.compile(r"^CREATE OR REPLACE (AGGREGATE|FUNCTION|TRIGGER|VIEW) (\w+)", re.MULTILINE)
SQL = sorted((Path(apps.get_app_config("analytics").path) / "sql").rglob("*.sql"))
DEFINING = [file for file in SQL if DEFINES.search(file.read_text()) or file.stem == "bi_schema"]


def test_functions_and_views_of_the_migrations_are_those_of_the_files(scratch: Scratch) -> None:
    with scratch.connect() as database:
        before, of_files = dumped(scratch), set[str]()
        for file in DEFINING:
            text = file.read_text()
            database.execute(text)  # type: ignore[arg-type]
            of_files |= {name for _, name in DEFINES.findall(text)}
        assert dumped(scratch) == before, "a file of analytics/sql was changed without a migration"
        found = database.execute(
            """SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'analytics%'
               UNION SELECT viewname FROM pg_views WHERE schemaname = 'public'
               UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE 'analytics%'"""
        ).fetchall()
    assert {name for (name,) in found} == of_files, "a function, trigger or view of a migration is in no file"


def test_no_migration_reads_a_file_of_sql() -> None:
    for app in ("accounts", "privacy", "analytics"):
        for file in (Path(apps.get_app_config(app).path) / "migrations").glob("0*.py"):
            assert not re.search(r"analytics\.sql|read_text|open\(", file.read_text()), file


@pytest.mark.parametrize("app", ["privacy", "analytics"])
def test_every_migration_depends_on_others_by_the_label_that_the_project_has_chosen(app: str) -> None:
    loader = MigrationLoader(None)
    for label, name in loader.disk_migrations:
        if label == app:
            renamed = type(loader.disk_migrations[label, name])(name, "another")
            assert all(parent != app for parent, _ in renamed.dependencies), name


def test_the_key_of_the_three_tables_holds_the_person(scratch: Scratch) -> None:
    """A cluster that shards by person takes no other."""
    with scratch.connect() as database:
        keys = database.execute(
            """SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
               WHERE contype = 'p' AND conparentid = 0 AND conrelid IN (SELECT partrelid FROM pg_partitioned_table)"""
        ).fetchall()
    tables = ("analytics_endpoint_usage", "analytics_feature_usage", "analytics_user_activity")
    assert sorted(keys) == [(table, 'PRIMARY KEY ("timestamp", id, user_id)') for table in tables]


@pytest.fixture(scope="module")
def scratch(django_db_setup: None) -> Iterator[Scratch]:
    with scratch_database() as database:
        migrated = database.manage("migrate", "-v0")
        assert migrated.returncode == 0, migrated.stderr
        yield database


@pytest.mark.parametrize("app", ["privacy", "analytics", "accounts"])
def test_an_app_goes_to_zero_with_its_rows_leaves_nothing_and_comes_back_as_it_was(scratch: Scratch, app: str) -> None:
    with scratch.connect() as database:
        before = listed(database)
        database.execute(ROWS)
        assert scratch.manage("keep_telemetry").returncode == 0
    back = scratch.manage("migrate", app, "zero")
    assert back.returncode == 0, back.stderr
    with scratch.connect() as database:
        assert of_app(app, listed(database)) == []
        if app == "accounts":
            assert "django_cache" not in str(listed(database)["columns"])
    forth = scratch.manage("migrate")
    assert forth.returncode == 0, forth.stderr
    with scratch.connect() as database:
        assert listed(database) == before
        notices = database.execute("SELECT version FROM privacy_notice").fetchall()
        months = database.execute("SELECT count(*) FROM pg_inherits").fetchone()
    assert notices == [(1,)] and months and months[0] > 0


@pytest.mark.parametrize("app", ["privacy", "analytics"])
def test_an_app_goes_back_one_migration_at_a_time(scratch: Scratch, app: str) -> None:
    with scratch.connect() as database:
        before = listed(database)
        names = [
            name
            for (name,) in database.execute(
                "SELECT name FROM django_migrations WHERE app = %s ORDER BY id DESC", [app]
            ).fetchall()
        ]
    # In one process: each step ends with the receivers of post_migrate, as a command of its own would.
    steps = f"[call_command('migrate', '{app}', name, verbosity=0) for name in {names[1:]}]; call_command('migrate')"
    there_and_back = scratch.manage("shell", "-c", f"from django.core.management import call_command; {steps}")
    assert there_and_back.returncode == 0, there_and_back.stderr
    with scratch.connect() as database:
        assert listed(database) == before


def test_a_pending_deletion_that_a_column_of_uuids_cannot_hold_is_not_lost_by_going_back(scratch: Scratch) -> None:
    pending = """INSERT INTO privacy_pending_erasure (id, user_id, salt, requested_at)
                 VALUES (gen_random_uuid(), %s, gen_random_uuid(), now())"""
    with scratch.connect() as database:
        database.execute(pending, [str(uuid4())])
        database.execute(pending, ["jo"])
        for back in ("0008", "zero"):
            refused = scratch.manage("migrate", "privacy", back)
            assert refused.returncode == 2
            (line,) = refused.stderr.splitlines()
            assert "are pending: 1. " in line and "send_pending_erasures" in line
        database.execute("DELETE FROM privacy_pending_erasure WHERE user_id = 'jo'")
    for there in (["privacy", "0008"], []):
        moved = scratch.manage("migrate", *there)
        assert moved.returncode == 0, moved.stderr
    with scratch.connect() as database:
        assert database.execute("SELECT count(*) FROM privacy_pending_erasure").fetchone() == (1,)
        database.execute("DELETE FROM privacy_pending_erasure")
