"""Statements about roles, for `granting` and for the role of BI tools."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

from django.db import OperationalError, ProgrammingError, connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql as composable

from analytics.exceptions import AnalyticsError, InUse
from analytics.sql import sql

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
NOT_NAMES = {"public", "none", "current_user", "current_role", "session_user"}
PATIENCE_SECONDS = 10  # wait for transactions that use a relation, while new ones wait behind this command


class Refused(AnalyticsError):
    """A role cannot be made, or not be limited to its rights; the message has the reason."""


def exists(alias: str, role: str) -> bool:
    """Whether the role exists on the server of this database. Raises Refused for an invalid name."""
    if not NAME.fullmatch(role) or role in NOT_NAMES or role.startswith("pg_"):
        raise Refused(f"{role!r} is not a valid role name: use small letters, digits and _, no leading digit or pg_")
    with connections[alias].cursor() as cursor:
        return row(cursor, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role)[0] is True


@contextmanager
def in_one_piece(alias: str, *, in_use: str) -> Iterator[CursorWrapper]:
    """A cursor in a transaction. Raises Refused if the database denies a statement, InUse after a wait for a lock."""
    try:
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
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
                raise InUse(in_use) from None
            case "2BP01":  # dependent_objects_still_exist
                raise Refused(f"{reason}: the role has rights in another database; revoke them there first") from None
        raise


def make(cursor: CursorWrapper, role: str, *, limit: int = -1) -> None:
    """Create the role. `limit`: of its connections; -1 for none. Raises Refused."""
    if not row(cursor, "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")[0]:
        raise Refused(
            f"this site's database role may not create roles; ask the server's administrator to run "
            f"`CREATE ROLE {role} LOGIN PASSWORD ...`, then run this again"
        )
    run(cursor, f"CREATE ROLE {{}} LOGIN CONNECTION LIMIT {limit}", role)


def refuse_powers(cursor: CursorWrapper, role: str) -> tuple[bool, bool, bool]:
    """Raise Refused for this site's own role and for one with rights that no grant gave.

    Returns whether it owns objects, whether it cannot sign in, and whether it is a process's.
    """
    is_ours, has_powers, groups, owns, cannot_sign_in, is_of_a_process = row(cursor, sql("views/role_standing"), role)
    if is_ours:
        raise Refused(f"{role} is this site's own role; choose another name")
    if has_powers:
        raise Refused(f"{role} is a superuser or may create roles or databases, replicate or bypass row security")
    if groups:
        raise Refused(f"{role} is a member of {', '.join(groups)} and has their rights; revoke the membership first")
    return owns, cannot_sign_in, is_of_a_process


def set_password(cursor: CursorWrapper, role: str, password: str) -> None:
    """Set the password by sending its SCRAM verifier, so that no statement log contains the password."""
    verifier = cursor.connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    statement = composable.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
        composable.Identifier(role), composable.Literal(verifier.decode())
    )
    cursor.execute(statement.as_string(cursor.connection))


def run(cursor: CursorWrapper, template: LiteralString, *names: str) -> None:
    """Execute the template with each `{}` replaced by a quoted name."""
    cursor.execute(composable.SQL(template).format(*map(composable.Identifier, names)).as_string())


def row(cursor: CursorWrapper, statement: str, *parameters: Any) -> tuple[Any, ...]:
    """Execute the statement and return its first row."""
    cursor.execute(statement, list(parameters))
    found: tuple[Any, ...] = cursor.fetchone()
    return found
