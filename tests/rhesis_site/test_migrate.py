"""One command migrates every database of the site and says of every one whether that is done."""

from collections.abc import Iterator

import pytest

from tests.support.databases import Scratch, scratch_database


@pytest.fixture
def site(django_db_setup: None) -> Iterator[Scratch]:
    with scratch_database() as database:
        yield database


@pytest.fixture
def telemetry(django_db_setup: None) -> Iterator[Scratch]:
    with scratch_database() as database:
        yield database


def tables(database: Scratch) -> set[str]:
    with database.connect() as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in found}


def test_both_databases_are_migrated_by_one_command_and_checked_by_one(site: Scratch, telemetry: Scratch) -> None:
    both = {"ANALYTICS_DATABASE_URL": telemetry.url}
    before = site.manage("migrate", "--check", **both)
    assert (before.returncode, before.stderr) == (1, "CommandError: not migrated: default, analytics\n")

    assert site.manage("migrate", "-v0", "--database", "default", **both).returncode == 0
    half = site.manage("migrate", "--check", **both)
    assert (half.returncode, half.stderr) == (1, "CommandError: not migrated: analytics\n")

    assert site.manage("migrate", "-v0", **both).returncode == 0
    assert {"analytics_user_activity", "django_migrations"} <= tables(telemetry)
    assert "privacy_preference" in tables(site) and "analytics_user_activity" not in tables(site)
    assert "privacy_preference" not in tables(telemetry)
    assert site.manage("migrate", "--check", **both).returncode == 0
    assert site.manage("keep_telemetry", **both).returncode == 0


def test_migrations_that_are_recorded_without_their_tables_are_found(site: Scratch, telemetry: Scratch) -> None:
    """Telemetry was in a database of its own, and is to be beside the rest now."""
    assert site.manage("migrate", "-v0", ANALYTICS_DATABASE_URL=telemetry.url).returncode == 0
    for words in (["--check"], ["-v0"]):
        found = site.manage("migrate", *words)
        assert found.returncode == 2 and "lacks tables of applied migrations (analytics_" in found.stderr, found.stderr
        assert "migrate APP zero --fake --database default" in found.stderr
    assert site.manage("migrate", "-v0", "analytics", "zero", "--fake", "--database", "default").returncode == 0
    assert site.manage("migrate", "-v0").returncode == 0
    assert site.manage("migrate", "--check").returncode == 0


@pytest.mark.parametrize("name", ["DATABASE_URL", "ANALYTICS_DATABASE_URL"])
def test_a_database_that_is_away_is_named_with_the_cause(name: str, site: Scratch) -> None:
    away = "postgres://nobody:hidden-word@127.0.0.1:9/none"
    for words in (["migrate"], ["migrate", "--check"]):
        found = site.manage(*words, **{name: away})
        alias = "default" if name == "DATABASE_URL" else "analytics"
        assert (found.returncode, found.stderr) == (
            2,
            f"CommandError: the database cannot be used ({alias}): "
            "no server listens there (SQLSTATE 08001) at 127.0.0.1:9\n",
        )
