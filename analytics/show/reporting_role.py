"""A database role that can read the BI views, optionally the three tables, and nothing else.

After granting, the same transaction reads the role's rights back from the database. If the role can do more, for
instance through PUBLIC or another grantor, the transaction is rolled back and the role refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import ProgrammingError, connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql as composable

from analytics.roles import statements
from analytics.roles.statements import Refused, in_one_piece, make, refuse_powers, row, run, set_password
from analytics.router import analytics_database
from analytics.show.bi_views import SCHEMA, VIEWS, VIEWS_OF_SCHEMA, make_schema, publish_threshold
from analytics.sql import sql

RAW_TABLES = ("analytics_user_activity", "analytics_endpoint_usage", "analytics_feature_usage")
SHORTEST_PASSWORD = 12
CONNECTIONS = 20
IN_USE = "a transaction that has read the views is open, and they cannot be changed"
# DATE("timestamp") in a query uses the session's time zone.
DEFAULTS = ("TimeZone = 'UTC'", "default_transaction_read_only = on", "statement_timeout = '60s'")


@dataclass(frozen=True, slots=True)
class Granted:
    """Result of `grant`: whether the role is new, and the relations it can read.

    `unset` are statements that the server's administrator must run, because this site's role may not.
    `may_make_temporary_tables`: PostgreSQL allows that to PUBLIC by default, and thus to the role.
    """

    made: bool
    relations: tuple[str, ...]
    smallest_group: int
    unset: tuple[str, ...]
    may_make_temporary_tables: bool


def exists(role: str) -> bool:
    """Whether the role exists. Raises Refused for an invalid name."""
    return statements.exists(analytics_database(), role)


def grant(role: str, *, views_only: bool, password: str | None) -> Granted:
    """Create the role if missing, and let it read the views and, unless `views_only`, the three tables.

    `password`, if not None, becomes the role's; a new role needs one. Raises Refused without changing anything.
    """
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise Refused(f"the password is shorter than {SHORTEST_PASSWORD} characters")
    wanted = (*VIEWS_OF_SCHEMA, *VIEWS, *(() if views_only else RAW_TABLES))
    made = not exists(role)
    database = analytics_database()
    with in_one_piece(analytics_database(), in_use=IN_USE) as cursor:
        if made:
            make(cursor, role, limit=CONNECTIONS)
        else:
            _refuse_more_than_a_reader(cursor, role, may_not_sign_in=password is not None)
        if password is not None:
            set_password(cursor, role, password)
        _revoke_everything(cursor, role)
        if not make_schema():
            raise Refused(
                f"this site's database role may not create or change the schema {SCHEMA}; ask the server's "
                "administrator to run this command, with their role in DATABASE_URL"
            )
        schema, name = row(
            cursor,
            "SELECT nspname, current_database() FROM pg_namespace JOIN pg_class ON pg_namespace.oid = relnamespace "
            "WHERE pg_class.oid = %s::regclass",
            RAW_TABLES[0],
        )
        for each in (schema, SCHEMA):
            run(cursor, "GRANT USAGE ON SCHEMA {} TO {}", each, role)
        run(cursor, "GRANT CONNECT ON DATABASE {} TO {}", name, role)
        for relation in wanted:
            grant_of = composable.SQL("GRANT SELECT ON {} TO {}").format(
                composable.Identifier(*relation.split(".")), composable.Identifier(role)
            )
            cursor.execute(grant_of.as_string())
        unset = _set_defaults(cursor, role)
        smallest = publish_threshold()
        _refuse_other_rights(cursor, role, wanted)
        # If both databases are on one server, the role can connect to the other one too.
        for other in {*connections} - {database}:
            with connections[other].cursor() as elsewhere:
                known = row(elsewhere, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role)[0]
                # A role created in this transaction is not visible there yet; it has PUBLIC's rights.
                _refuse_other_rights(elsewhere, role if known else "public", ())
        may_make_temporary_tables = row(cursor, "SELECT has_database_privilege(%s, %s, 'TEMP')", role, name)[0]
    return Granted(made, wanted, smallest, unset, may_make_temporary_tables)


def remove(role: str) -> None:
    """Revoke the role's rights in this database and drop it. Raises Refused like `grant`."""
    if not exists(role):
        raise Refused(f"there is no role {role}")
    with in_one_piece(analytics_database(), in_use=IN_USE) as cursor:
        _refuse_more_than_a_reader(cursor, role, may_not_sign_in=True)
        _revoke_everything(cursor, role)
        run(cursor, "DROP ROLE {}", role)


def _set_defaults(cursor: CursorWrapper, role: str) -> tuple[str, ...]:
    """Set defaults of the role's sessions. Returns the statements that this site's role has no right to run.

    No promise depends on these defaults, which the role can override: it has no right to write, and the views use UTC
    days in every time zone.
    """
    statements = [f"ALTER ROLE {role} SET {setting}" for setting in DEFAULTS]
    try:
        with transaction.atomic(using=analytics_database()):
            for statement in statements:
                cursor.execute(statement)
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) != "42501":  # insufficient_privilege
            raise
        found = row(cursor, "SELECT rolconfig FROM pg_roles WHERE rolname = %s", role)[0] or []
        there = {each.partition("=")[0].lower() for each in found}
        return tuple(
            each for each, name in zip(statements, DEFAULTS, strict=True) if name.split()[0].lower() not in there
        )
    return ()


def _refuse_more_than_a_reader(cursor: CursorWrapper, role: str, *, may_not_sign_in: bool) -> None:
    owns, cannot_sign_in, is_of_a_process = refuse_powers(cursor, role)
    if is_of_a_process:
        raise Refused(f"{role} is the role of one of this site's processes; choose another name")
    if owns:
        raise Refused(f"{role} owns tables, databases or other objects, which an owner can always read")
    if cannot_sign_in and not may_not_sign_in:
        raise Refused(f"{role} has no right to sign in; set a password with --new-password")


def _revoke_everything(cursor: CursorWrapper, role: str) -> None:
    """Revoke everything we granted to the role in this database. Other grants remain and are detected afterwards."""
    cursor.execute(sql("views/role_grants"), [role])
    for statement in [line for (line,) in cursor.fetchall()]:
        cursor.execute(statement)


def _refuse_other_rights(cursor: CursorWrapper, role: str, wanted: Iterable[str]) -> None:
    cursor.execute(sql("views/role_rights"), {"role": role, "wanted": list(wanted)})
    if found := [f"{right} {what}" for right, what in cursor.fetchall()]:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise Refused(
            f"{role} would have additional rights: {', '.join(found[:3])}{more}; "
            "another role or PUBLIC granted them, and they must be revoked first"
        )
