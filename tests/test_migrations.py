"""Migrations backwards: every app goes to zero with rows in its tables, leaves nothing, and comes back the same."""

from collections.abc import Iterator

import psycopg
import pytest

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
