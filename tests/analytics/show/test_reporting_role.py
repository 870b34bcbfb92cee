"""The role that Looker Studio signs in as reads the views, if wanted the three tables, and nothing else: by trying."""

import io
import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings
from psycopg.conninfo import make_conninfo

from analytics.retention import months_before
from analytics.router import analytics_database
from analytics.show.bi_views import SCHEMA, VIEWS, VIEWS_OF_SCHEMA
from analytics.show.reporting_role import RAW_TABLES
from tests.analytics.keep.rows import execute, rolled_up
from tests.analytics.show.rows import day, login, requested, used
from tests.analytics.show.test_bi_views import everything
from tests.analytics.show.test_note_queries import (
    DAILY_ACTIVE_USERS,
    ENDPOINT_PERFORMANCE,
    FEATURE_ADOPTION,
    RETENTION,
)
from tests.recipes import documented

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
# Roles are the server's, not the test database's: one of each process that runs tests.
ROLE = f"reader_{os.getpid()}"
DOCUMENT = Path(__file__).parents[3] / "docs" / "bi-tools.md"
ALL_VIEWS = {*VIEWS, *VIEWS_OF_SCHEMA}


def command(*words: str) -> str:
    said = io.StringIO()
    call_command("grant_reporting_access", ROLE, *words, stdout=said)
    return said.getvalue()


def refusal(role: str, *words: str) -> str:
    with pytest.raises(CommandError) as caught:
        call_command("grant_reporting_access", role, *words, stdout=io.StringIO())
    assert caught.value.returncode == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def conninfo(password: str, alias: str = "") -> str:
    where = connections[alias or analytics_database()].get_connection_params()
    place = {name: where[name] for name in ("host", "port", "dbname") if where.get(name)}
    return make_conninfo(**place, user=ROLE, password=password)


def signed_in(password: str, alias: str = "") -> psycopg.Connection:
    return psycopg.connect(conninfo(password, alias), autocommit=True)


def relations(alias: str = "") -> list[str]:
    """Every table, view and sequence, partitions too."""
    with connections[alias or analytics_database()].cursor() as cursor:
        cursor.execute(
            "SELECT pg_class.oid::regclass::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE nspname IN ('public', 'analytics_bi') AND relkind IN ('r', 'p', 'v', 'm', 'S') ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def readable(connection: psycopg.Connection, names: list[str]) -> set[str]:
    found = set()
    for name in names:
        try:
            connection.execute(f"SELECT * FROM {name} LIMIT 1")  # type: ignore[arg-type]
        except psycopg.errors.InsufficientPrivilege:
            continue
        found.add(name)
    return found


@pytest.fixture(autouse=True)
def _no_role_stays() -> Iterator[None]:
    yield
    if execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]):
        for schema in ("public", SCHEMA):
            execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {ROLE}")
        for (group,) in execute(
            "SELECT roleid::regrole::text FROM pg_auth_members WHERE member::regrole::text = %s", [ROLE]
        ):
            execute(f"REVOKE {group} FROM {ROLE}")
        execute(f"ALTER ROLE {ROLE} NOCREATEDB")
        command("--remove")


@pytest.fixture
def password() -> str:
    return command().strip().rpartition(" ")[2]


@pytest.fixture
def views_only() -> str:
    return command("--views-only").strip().rpartition(" ")[2]


def test_it_reads_the_views_and_the_three_tables_and_nothing_else(password: str) -> None:
    with signed_in(password) as connection:
        assert readable(connection, relations()) == {*ALL_VIEWS, *RAW_TABLES}


def test_with_views_only_it_reads_the_views_and_nothing_else(views_only: str) -> None:
    with signed_in(views_only) as connection:
        assert readable(connection, relations()) == ALL_VIEWS


@pytest.mark.parametrize("name", ["active_people", "features", "grafana", "freshness"])
def test_the_documents_queries_are_answered(views_only: str, name: str) -> None:
    query = documented.files(DOCUMENT)[name]
    # As Grafana's macro is expanded.
    query = query.replace("$__timeFilter(day)", "day BETWEEN '2026-01-01T00:00:00Z' AND '2026-12-31T00:00:00Z'")
    with signed_in(views_only) as connection:
        assert connection.execute(query).description  # type: ignore[arg-type]


def test_of_people_it_reads_nothing_in_their_database_either(password: str) -> None:
    for alias in set(connections) - {analytics_database()}:
        with signed_in(password, alias) as connection:
            assert readable(connection, relations(alias)) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM analytics_user_activity",
        "UPDATE analytics_feature_usage SET action = 'x'",
        "TRUNCATE analytics_endpoint_usage",
        "INSERT INTO analytics_erasure (id, requested_at, rows_deleted) VALUES (gen_random_uuid(), now(), '{}')",
        "INSERT INTO analytics_tombstone (user_id, until) VALUES (gen_random_uuid(), now())",
        "UPDATE analytics_view_threshold SET smallest_group = 1",
        "SELECT analytics_erase_person(gen_random_uuid(), ARRAY[gen_random_uuid()], now(), now())",
        "SELECT analytics_make_month('2031-01-01')",
        "CREATE TABLE public.mine (id integer)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "ALTER TABLE analytics_user_activity DISABLE TRIGGER ALL",
        "COPY analytics_user_activity TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_it_changes_nothing(password: str, statement: str) -> None:
    with signed_in(password) as connection:
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[call-overload]


def test_it_starts_out_reading_only_and_does_not_ask_for_long(password: str) -> None:
    with signed_in(password) as connection:
        settings = connection.execute(
            "SELECT current_setting('default_transaction_read_only'), current_setting('statement_timeout'), "
            "current_setting('TimeZone')"
        ).fetchone()
    assert settings == ("on", "1min", "UTC")


def test_a_day_of_the_rows_is_utcs_wherever_the_server_is(password: str) -> None:
    """The note's first query has DATE(timestamp), which is a day of the session's zone."""
    execute("SELECT analytics_make_month(%s)", [day(1)])
    for who in range(30):
        login(who, day(1, who % 24))
    database = execute("SELECT current_database()")[0][0]
    execute(f"ALTER DATABASE \"{database}\" SET timezone = 'America/Los_Angeles'")
    try:
        with signed_in(password) as connection:
            assert connection.execute(DAILY_ACTIVE_USERS).fetchall() == [(day(1).date(), "cloud", 30)]  # type: ignore[call-overload]
    finally:
        execute(f'ALTER DATABASE "{database}" RESET timezone')


def test_settings_that_a_session_can_undo_are_not_depended_on_and_said(password: str) -> None:
    """Temporary tables are PUBLIC's right by PostgreSQL's default: the session's own, and gone with it."""
    assert "it may create temporary tables" in command()
    with signed_in(password) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("SET statement_timeout = 0")
        connection.execute("CREATE TEMP TABLE analytics_view_threshold AS SELECT 1 AS id, 1 AS smallest_group")
        # It stands in nobody's way, and before no table of a view.
        rolled_up(everything())
        counted = connection.execute(f"SELECT DISTINCT deployment_type FROM {SCHEMA}.active_people").fetchall()  # type: ignore[call-overload]
    assert counted == [("cloud",)]


def test_where_temporary_tables_are_no_right_of_everybody_they_are_refused_and_nothing_is_said() -> None:
    database = execute("SELECT current_database()")[0][0]
    execute(f'REVOKE TEMPORARY ON DATABASE "{database}" FROM PUBLIC')
    try:
        said = command()
        assert "temporary" not in said
        with signed_in(said.strip().rpartition(" ")[2]) as connection:
            connection.execute("SET default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TEMP TABLE mine (id integer)")
    finally:
        execute(f'GRANT TEMPORARY ON DATABASE "{database}" TO PUBLIC')


def test_the_notes_four_queries_run_as_it_over_partitions_made_later_too(password: str) -> None:
    execute("SELECT analytics_make_month(%s)", [months_before(day(0), 1)])
    execute("SELECT analytics_make_month(%s)", [day(0)])
    for who in range(3):
        login(who, day(1))
        used(who, "test_run", day(1))
        requested(who, "/api/a/", 10.0, day(1))
    login(9, day(29))
    with signed_in(password) as connection:
        answers = [
            connection.execute(query).fetchall()  # type: ignore[call-overload]
            for query in (DAILY_ACTIVE_USERS, FEATURE_ADOPTION, ENDPOINT_PERFORMANCE, RETENTION)
        ]
    assert answers[0] == [(day(1).date(), "cloud", 3), (day(29).date(), "cloud", 1)]
    assert answers[1] == [("test_run", "cloud", 3, 3)]
    assert answers[2] == [("/api/a/", "GET", 10.0, 10.0, 3, 0)]
    assert answers[3][0][:2] == (4, 0)


def test_a_bi_clients_eye_reads_the_views_and_reflects_them(views_only: str) -> None:
    rolled_up(everything())
    place = connections[analytics_database()].get_connection_params()
    url = sqlalchemy.URL.create(
        "postgresql+psycopg",
        username=ROLE,
        password=views_only,
        database=place["dbname"],
        query={"host": str(place["host"])},
    )
    engine = sqlalchemy.create_engine(url)
    try:
        inspector = sqlalchemy.inspect(engine)
        assert set(VIEWS) <= set(inspector.get_view_names())
        names = set(inspector.get_view_names(schema=SCHEMA))
        assert {f"{SCHEMA}.{name}" for name in names} == set(VIEWS_OF_SCHEMA)
        assert all(inspector.get_table_comment(name, schema=SCHEMA)["text"] for name in names)
        assert all(each["comment"] for name in names for each in inspector.get_columns(name, schema=SCHEMA))
        metadata = sqlalchemy.MetaData(schema=SCHEMA)
        with engine.connect() as connection:
            for name in names:
                view = sqlalchemy.Table(name, metadata, autoload_with=engine)
                rows = connection.execute(sqlalchemy.select(view)).all()
                assert rows or name in {"consent", "received", "rejected"}, name
            people = metadata.tables[f"{SCHEMA}.active_people"]
            # As a chart with a date range and a filter asks.
            total = sqlalchemy.select(sqlalchemy.func.max(people.c.active_people)).where(
                people.c.day >= date(2026, 3, 2), people.c.deployment_type == "cloud"
            )
            assert connection.execute(total).scalar_one() in range(9, 16)  # of 12 people, and noise
            with pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
                connection.execute(sqlalchemy.text("SELECT * FROM analytics_person"))
    finally:
        engine.dispose()


def test_done_again_it_changes_nothing_and_keeps_the_password(password: str) -> None:
    before = execute("SELECT relname, relacl::text FROM pg_class WHERE relacl IS NOT NULL ORDER BY 1")
    assert "password: unchanged" in command()
    assert execute("SELECT relname, relacl::text FROM pg_class WHERE relacl IS NOT NULL ORDER BY 1") == before
    signed_in(password).close()


def test_views_only_takes_the_tables_away_and_what_somebody_granted_besides(password: str) -> None:
    execute(f"GRANT SELECT (number) ON analytics_person TO {ROLE}")
    execute(f"GRANT INSERT ON analytics_user_activity TO {ROLE}")
    execute(f"GRANT USAGE ON SEQUENCE analytics_person_number_seq TO {ROLE}")
    execute(f"GRANT CREATE ON SCHEMA public TO {ROLE}")
    command("--views-only")
    with signed_in(password) as connection:
        assert readable(connection, relations()) == ALL_VIEWS
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.mine (id integer)")
    command()
    with signed_in(password) as connection:
        assert readable(connection, relations()) == {*ALL_VIEWS, *RAW_TABLES}


@pytest.mark.parametrize(
    ("grant", "undo", "word"),
    [
        (
            "GRANT SELECT ON analytics_erasure TO PUBLIC",
            "REVOKE ALL ON analytics_erasure FROM PUBLIC",
            "reading analytics_erasure",
        ),
        (
            "GRANT UPDATE (smallest_group) ON analytics_view_threshold TO PUBLIC",
            "REVOKE ALL (smallest_group) ON analytics_view_threshold FROM PUBLIC",
            "writing analytics_view_threshold",
        ),
        (
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "making things in schema public",
        ),
        (
            "ALTER FUNCTION analytics_first_open_day() SECURITY DEFINER",
            "ALTER FUNCTION analytics_first_open_day() SECURITY INVOKER",
            "running analytics_first_open_day()",
        ),
    ],
)
def test_what_everybody_may_do_is_found_and_no_role_is_made(grant: str, undo: str, word: str) -> None:
    execute(grant)
    try:
        assert word in refusal(ROLE)
        assert not execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
    finally:
        execute(undo)


@pytest.mark.parametrize(
    ("role", "word"),
    [
        ("public", "not a valid role name"),
        ("pg_read_all_data", "not a valid role name"),
        ("Looker", "not a valid role name"),
        ("a b", "not a valid role name"),
        ('x"; DROP TABLE accounts_user; --', "not a valid role name"),
        ("", "not a valid role name"),
        ("x" * 64, "not a valid role name"),
    ],
)
@pytest.mark.parametrize("option", ["--views-only", "--remove"])
def test_roles_that_must_not_be_touched_are_refused_in_one_line(role: str, word: str, option: str) -> None:
    assert word in refusal(role, option) or (option == "--remove" and "there is no role" in refusal(role, option))


@pytest.mark.parametrize("option", ["--views-only", "--remove"])
def test_neither_the_sites_own_role_nor_a_superuser_is_touched(option: str) -> None:
    ((own, superuser),) = execute("SELECT current_user, (SELECT min(rolname) FROM pg_roles WHERE rolsuper)")
    assert "is this site's own role" in refusal(own, option)
    if superuser != own:
        assert "superuser" in refusal(superuser, option)


def test_a_role_with_powers_or_in_a_group_is_refused_and_left_as_it_was(password: str) -> None:
    execute(f"ALTER ROLE {ROLE} CREATEDB")
    assert "may create roles or databases" in refusal(ROLE, "--views-only")
    execute(f"ALTER ROLE {ROLE} NOCREATEDB")
    group = f"{ROLE}_group"
    execute(f"CREATE ROLE {group}")
    try:
        execute(f"GRANT {group} TO {ROLE}")
        assert f"a member of {group}" in refusal(ROLE, "--views-only")
        with signed_in(password) as connection:
            assert readable(connection, relations()) == {*ALL_VIEWS, *RAW_TABLES}
    finally:
        execute(f"DROP ROLE {group}")


def test_the_password_is_printed_once_and_may_come_from_the_environment_or_a_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TELEMETRY_REPORTING_PASSWORD", "from the environment")
    assert "from the environment" not in command()
    signed_in("from the environment").close()
    monkeypatch.delenv("TELEMETRY_REPORTING_PASSWORD")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "typed by somebody")
    assert "typed" not in command("--ask-password")
    signed_in("typed by somebody").close()
    made_up = command("--new-password").strip().rpartition(" ")[2]
    assert len(made_up) == 32
    signed_in(made_up).close()
    with pytest.raises(psycopg.OperationalError):
        signed_in("typed by somebody")


def test_a_short_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMETRY_REPORTING_PASSWORD", "short")
    assert "shorter than 12" in refusal(ROLE)
    assert "cannot be combined" in refusal(ROLE, "--ask-password", "--new-password")


def test_no_statement_carries_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMETRY_REPORTING_PASSWORD", "never in a statement")
    statements: list[str] = []
    with connections[analytics_database()].execute_wrapper(
        lambda execute, sql, params, many, context: (
            statements.append(f"{sql} {params}"),
            execute(sql, params, many, context),
        )[1]
    ):
        command()
    assert any("SCRAM-SHA-256$" in each for each in statements)
    assert not any("never in a statement" in each for each in statements)


def test_the_threshold_is_published_with_the_grant() -> None:
    with override_settings(TELEMETRY_SMALLEST_GROUP_BI="9"):
        assert "groups of 9 people or more" in command()
        assert execute("SELECT smallest_group FROM analytics_view_threshold") == [(9,)]


def test_a_site_whose_role_may_make_no_roles_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an administrator of one database has it on many a hosted server."""
    monkeypatch.setenv("TELEMETRY_REPORTING_PASSWORD", "from the environment")
    steward = f"{ROLE}_steward"
    execute(f"CREATE ROLE {steward}")
    execute(f"GRANT {steward} TO CURRENT_USER WITH SET TRUE")
    execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {steward}")
    try:
        execute(f"SET ROLE {steward}")
        said = refusal(ROLE)
        execute("RESET ROLE")
        assert f"CREATE ROLE {ROLE} LOGIN PASSWORD" in said
        command()
        execute(f"SET ROLE {steward}")
        assert "this site's database role has no right to do that" in refusal(ROLE, "--views-only")
    finally:
        execute("RESET ROLE")
        execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {steward}")
        execute(f"DROP ROLE {steward}")


def test_a_role_made_by_the_servers_administrator_is_given_its_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'by the administrator'")
    said = command("--views-only")
    assert f"role {ROLE} updated" in said and "ALTER ROLE" not in said
    with signed_in("by the administrator") as connection:
        assert readable(connection, relations()) == ALL_VIEWS


def test_settings_that_only_the_servers_administrator_may_make_are_printed_until_they_are_made() -> None:
    """Where the site's role has the rights to grant and none over roles."""
    execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'by the administrator'")
    steward = f"{ROLE}_steward"
    execute(f"CREATE ROLE {steward}")
    execute(f"GRANT {steward} TO CURRENT_USER WITH SET TRUE")
    database = execute("SELECT current_database()")[0][0]
    for rights in (
        *(f"USAGE ON SCHEMA {schema}" for schema in ("public", SCHEMA)),
        *(f"ALL ON ALL TABLES IN SCHEMA {schema}" for schema in ("public", SCHEMA)),
        f'CONNECT ON DATABASE "{database}"',
    ):
        execute(f"GRANT {rights} TO {steward} WITH GRANT OPTION")
    try:
        execute(f"SET ROLE {steward}")
        printed = re.findall(rf"ALTER ROLE {ROLE} SET .*;", command("--views-only"))
        assert len(printed) == 3
        execute("RESET ROLE")
        for statement in printed:
            execute(statement)
        execute(f"SET ROLE {steward}")
        assert "ALTER ROLE" not in command("--views-only")
    finally:
        execute("RESET ROLE")
        execute(f"DROP OWNED BY {steward} CASCADE")
        execute(f"DROP ROLE {steward}")


def test_a_role_that_may_not_sign_in_needs_a_password() -> None:
    execute(f"CREATE ROLE {ROLE}")
    assert "has no right to sign in" in refusal(ROLE)
    signed_in(command("--new-password").strip().rpartition(" ")[2]).close()


def test_what_everybody_may_read_of_people_is_found_as_well() -> None:
    """Where telemetry has a database of its own, the role can still sign in to that of people."""
    with connections["default"].cursor() as cursor:
        cursor.execute("GRANT SELECT ON accounts_user TO PUBLIC")
        try:
            assert "reading accounts_user" in refusal(ROLE)
        finally:
            cursor.execute("REVOKE ALL ON accounts_user FROM PUBLIC")
