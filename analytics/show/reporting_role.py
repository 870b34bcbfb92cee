"""A database role that can read the BI views, optionally the three tables, and nothing else.

After granting, the same transaction reads the role's rights back from the database. If the role can do more, for
instance through PUBLIC or another grantor, the transaction is rolled back and the role refused.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

from django.db import OperationalError, ProgrammingError, connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql as composable

from analytics.exceptions import AnalyticsError, InUse
from analytics.router import analytics_database
from analytics.show.bi_views import SCHEMA, VIEWS, VIEWS_OF_SCHEMA, make_schema, publish_threshold
from analytics.sql import sql

RAW_TABLES = ("analytics_user_activity", "analytics_endpoint_usage", "analytics_feature_usage")
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
NOT_NAMES = {"public", "none", "current_user", "current_role", "session_user"}
SHORTEST_PASSWORD = 12
CONNECTIONS = 20
PATIENCE_SECONDS = 10  # wait for readers of the views, while new readers wait behind this command
# DATE("timestamp") in a query uses the session's time zone.
DEFAULTS = ("TimeZone = 'UTC'", "default_transaction_read_only = on", "statement_timeout = '60s'")


class Refused(AnalyticsError):
    """The role cannot be limited to reading reports; the message has the reason."""


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
    if not NAME.fullmatch(role) or role in NOT_NAMES or role.startswith("pg_"):
        raise Refused(f"{role!r} is not a valid role name: use small letters, digits and _, no leading digit or pg_")
    with connections[analytics_database()].cursor() as cursor:
        return _row(cursor, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role)[0] is True


def grant(role: str, *, views_only: bool, password: str | None) -> Granted:
    """Create the role if missing, and let it read the views and, unless `views_only`, the three tables.

    `password`, if not None, becomes the role's; a new role needs one. Raises Refused without changing anything.
    """
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise Refused(f"the password is shorter than {SHORTEST_PASSWORD} characters")
    wanted = (*VIEWS_OF_SCHEMA, *VIEWS, *(() if views_only else RAW_TABLES))
    made = not exists(role)
    database = analytics_database()
    with _in_one_piece() as cursor:
        if made:
            _make(cursor, role)
        else:
            _refuse_more_than_a_reader(cursor, role, may_not_sign_in=password is not None)
        if password is not None:
            _set_password(cursor, role, password)
        _revoke_everything(cursor, role)
        if not make_schema():
            raise Refused(
                f"this site's database role may not create or change the schema {SCHEMA}; ask the server's "
                "administrator to run this command, with their role in DATABASE_URL"
            )
        schema, name = _row(
            cursor,
            "SELECT nspname, current_database() FROM pg_namespace JOIN pg_class ON pg_namespace.oid = relnamespace "
            "WHERE pg_class.oid = %s::regclass",
            RAW_TABLES[0],
        )
        for each in (schema, SCHEMA):
            _run(cursor, "GRANT USAGE ON SCHEMA {} TO {}", each, role)
        _run(cursor, "GRANT CONNECT ON DATABASE {} TO {}", name, role)
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
                known = _row(elsewhere, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role)[0]
                # A role created in this transaction is not visible there yet; it has PUBLIC's rights.
                _refuse_other_rights(elsewhere, role if known else "public", ())
        may_make_temporary_tables = _row(cursor, "SELECT has_database_privilege(%s, %s, 'TEMP')", role, name)[0]
    return Granted(made, wanted, smallest, unset, may_make_temporary_tables)


def remove(role: str) -> None:
    """Revoke the role's rights in this database and drop it. Raises Refused like `grant`."""
    if not exists(role):
        raise Refused(f"there is no role {role}")
    with _in_one_piece() as cursor:
        _refuse_more_than_a_reader(cursor, role, may_not_sign_in=True)
        _revoke_everything(cursor, role)
        _run(cursor, "DROP ROLE {}", role)


@contextmanager
def _in_one_piece() -> Iterator[CursorWrapper]:
    """A cursor in a transaction. Raises Refused if the database denies a statement, InUse if the views are in use."""
    database = analytics_database()
    try:
        with transaction.atomic(using=database), connections[database].cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'")
            yield cursor
    except (ProgrammingError, OperationalError) as error:
        reason = str(error).splitlines()[0]
        match getattr(error.__cause__, "sqlstate", None):
            case "42501":  # insufficient_privilege
                raise Refused(
                    f"this site's database role has no right to do that ({reason}); "
                    "ask the server's administrator to run this command, with their role in DATABASE_URL"
                ) from None
            case "55P03":  # lock_not_available
                raise InUse("a transaction that has read the views is open, and they cannot be changed") from None
            case "2BP01":  # dependent_objects_still_exist
                raise Refused(f"{reason}: the role has rights in another database; revoke them there first") from None
        raise


def _make(cursor: CursorWrapper, role: str) -> None:
    if not _row(cursor, "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")[0]:
        raise Refused(
            f"this site's database role may not create roles; ask the server's administrator to run "
            f"`CREATE ROLE {role} LOGIN PASSWORD ...`, then run this again"
        )
    _run(cursor, f"CREATE ROLE {{}} LOGIN CONNECTION LIMIT {CONNECTIONS}", role)


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
        found = _row(cursor, "SELECT rolconfig FROM pg_roles WHERE rolname = %s", role)[0] or []
        there = {each.partition("=")[0].lower() for each in found}
        return tuple(
            each for each, name in zip(statements, DEFAULTS, strict=True) if name.split()[0].lower() not in there
        )
    return ()


def _refuse_more_than_a_reader(cursor: CursorWrapper, role: str, *, may_not_sign_in: bool) -> None:
    is_ours, has_powers, groups, owns, cannot_sign_in = _row(cursor, sql("views/role_standing"), role)
    if is_ours:
        raise Refused(f"{role} is this site's own role; choose another name")
    if has_powers:
        raise Refused(f"{role} is a superuser or may create roles or databases, replicate or bypass row security")
    if groups:
        raise Refused(f"{role} is a member of {', '.join(groups)} and has their rights; revoke the membership first")
    if owns:
        raise Refused(f"{role} owns tables, databases or other objects, which an owner can always read")
    if cannot_sign_in and not may_not_sign_in:
        raise Refused(f"{role} has no right to sign in; set a password with --new-password")


def _set_password(cursor: CursorWrapper, role: str, password: str) -> None:
    """Set the password by sending its SCRAM verifier, so that no statement log contains the password."""
    verifier = connections[analytics_database()].connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    statement = composable.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
        composable.Identifier(role), composable.Literal(verifier.decode())
    )
    cursor.execute(statement.as_string(cursor.connection))


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


def _run(cursor: CursorWrapper, template: LiteralString, *names: str) -> None:
    cursor.execute(composable.SQL(template).format(*map(composable.Identifier, names)).as_string())


def _row(cursor: CursorWrapper, statement: str, *parameters: Any) -> tuple[Any, ...]:
    cursor.execute(statement, list(parameters))
    row: tuple[Any, ...] = cursor.fetchone()
    return row
