"""A database role that reads the views for BI, if wanted the three tables, and nothing else.

What the role may do is read from the database again after granting, in the same transaction: a role that can do more,
by whatever road (PUBLIC, somebody else's grant), is refused and left as it was.
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
PATIENCE_SECONDS = 10  # that this command waits for readers of the views, while new ones wait behind it
# Days of queries on the rows, such as DATE("timestamp"), are those of the session's zone.
DEFAULTS = ("TimeZone = 'UTC'", "default_transaction_read_only = on", "statement_timeout = '60s'")


class Refused(AnalyticsError):
    """The role cannot be one that reads reports and nothing else; the message says why."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What was done: whether the role is new, and what it may read.

    `unset` are statements for the server's administrator: settings of the role that this site's role may not make.
    `may_make_temporary_tables` is what PUBLIC may by PostgreSQL's default, and so the role.
    """

    made: bool
    relations: tuple[str, ...]
    smallest_group: int
    unset: tuple[str, ...]
    may_make_temporary_tables: bool


def exists(role: str) -> bool:
    """Raises Refused for what can be no role's name."""
    if not NAME.fullmatch(role) or role in NOT_NAMES or role.startswith("pg_"):
        raise Refused(f"{role!r} is no name for a role: small letters, digits and _, not beginning with a digit or pg_")
    with connections[analytics_database()].cursor() as cursor:
        return _row(cursor, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role)[0] is True


def grant(role: str, *, views_only: bool, password: str | None) -> Granted:
    """Make the role if there is none, and have it read the views and, unless `views_only`, the three tables.

    `password` becomes the role's if given; a new role needs one. Raises Refused; then nothing has changed.
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
                f"this site's database role may not make or change the schema {SCHEMA}; have the server's "
                "administrator run this command, with DATABASE_URL naming their role"
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
        # The databases of people and of telemetry may be on one server, where every role can connect to both.
        for other in {*connections} - {database}:
            with connections[other].cursor() as elsewhere:
                known = _row(elsewhere, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role)[0]
                # One just made is not seen from there yet; it has what everybody has.
                _refuse_other_rights(elsewhere, role if known else "public", ())
        may_make_temporary_tables = _row(cursor, "SELECT has_database_privilege(%s, %s, 'TEMP')", role, name)[0]
    return Granted(made, wanted, smallest, unset, may_make_temporary_tables)


def remove(role: str) -> None:
    """Take all from the role that it was granted in this database, and drop it. Raises Refused, as `grant` does."""
    if not exists(role):
        raise Refused(f"there is no role {role}")
    with _in_one_piece() as cursor:
        _refuse_more_than_a_reader(cursor, role, may_not_sign_in=True)
        _revoke_everything(cursor, role)
        _run(cursor, "DROP ROLE {}", role)


@contextmanager
def _in_one_piece() -> Iterator[CursorWrapper]:
    """A cursor in a transaction. Raises Refused for what the database does not let us do, and InUse."""
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
                    f"the database does not let this site's role do that ({reason}); "
                    "have the server's administrator run this command, with DATABASE_URL naming their role"
                ) from None
            case "55P03":  # lock_not_available
                raise InUse("a transaction that has read the views is open, and they cannot be changed") from None
            case "2BP01":  # dependent_objects_still_exist
                raise Refused(f"{reason}: it has rights in another database; revoke them there first") from None
        raise


def _make(cursor: CursorWrapper, role: str) -> None:
    if not _row(cursor, "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")[0]:
        raise Refused(
            f"this site's database role may not make roles; have the server's administrator run "
            f"`CREATE ROLE {role} LOGIN PASSWORD ...` and run this again"
        )
    _run(cursor, f"CREATE ROLE {{}} LOGIN CONNECTION LIMIT {CONNECTIONS}", role)


def _set_defaults(cursor: CursorWrapper, role: str) -> tuple[str, ...]:
    """Set how the role's sessions begin; the statements that somebody else must run, where this site's role may not.

    No promise depends on these, as whoever signs in can set each again: the role cannot write for want of rights, and
    the views are of UTC's days whatever its time zone is.
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
    is_ours, has_powers, groups, owns, cannot_sign_in = _row(cursor, sql("role_standing"), role)
    if is_ours:
        raise Refused(f"{role} is the role this site itself uses")
    if has_powers:
        raise Refused(f"{role} is a superuser or may make roles or databases, replicate or pass over row security")
    if groups:
        raise Refused(f"{role} is a member of {', '.join(groups)} and reads what they read; revoke that first")
    if owns:
        raise Refused(f"{role} owns tables, databases or other objects, which it could always read")
    if cannot_sign_in and not may_not_sign_in:
        raise Refused(f"{role} may not sign in; give it a password (--new-password)")


def _set_password(cursor: CursorWrapper, role: str, password: str) -> None:
    """Only the verifier travels, so that no log of statements has the password."""
    verifier = connections[analytics_database()].connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    statement = composable.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
        composable.Identifier(role), composable.Literal(verifier.decode())
    )
    cursor.execute(statement.as_string(cursor.connection))


def _revoke_everything(cursor: CursorWrapper, role: str) -> None:
    """Whatever was ever granted to the role in this database. What others granted stays, and is found afterwards."""
    cursor.execute(sql("role_grants"), [role])
    for statement in [line for (line,) in cursor.fetchall()]:
        cursor.execute(statement)


def _refuse_other_rights(cursor: CursorWrapper, role: str, wanted: Iterable[str]) -> None:
    cursor.execute(sql("role_rights"), {"role": role, "wanted": list(wanted)})
    if found := [f"{right} {what}" for right, what in cursor.fetchall()]:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise Refused(
            f"{role} would have rights it should not have: {', '.join(found[:3])}{more}; "
            "somebody else or PUBLIC has them granted, and they must be revoked first"
        )


def _run(cursor: CursorWrapper, template: LiteralString, *names: str) -> None:
    cursor.execute(composable.SQL(template).format(*map(composable.Identifier, names)).as_string())


def _row(cursor: CursorWrapper, statement: str, *parameters: Any) -> tuple[Any, ...]:
    cursor.execute(statement, list(parameters))
    row: tuple[Any, ...] = cursor.fetchone()
    return row
