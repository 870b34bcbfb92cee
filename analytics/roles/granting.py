"""Make the roles of a deployment, and their rights equal to `rights`, as often as one likes.

Each database is changed in one transaction, which reads the rights back at its end: if a role can do more, for instance
through PUBLIC, all of it is rolled back and refused.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.backends.utils import CursorWrapper
from psycopg import sql as composable

from analytics.roles.rights import KEEPER, OF_KEEPER, OF_OWNER, PRIVILEGES, PROCESSOR, ROLES, ROWS, SITE, rights
from analytics.roles.statements import Refused, exists, in_one_piece, make, refuse_powers, row, run, set_password
from analytics.router import analytics_database
from analytics.sql import sql

IN_USE = "a transaction that uses the tables of rows is open, and their owner cannot be changed"
MAINTAIN_SINCE = 170_000  # PostgreSQL's version

Right = tuple[str, str, str]  # table, role's name, privilege


@dataclass(frozen=True, slots=True)
class Granted:
    """A role after `grant`. `password` is None where it was left as it is; `changes`: rights granted and revoked."""

    role: str
    name: str
    password: str | None
    changes: int


@dataclass(frozen=True, slots=True)
class _Place:
    schema: str
    owner: str
    database: str
    has_ledger: bool
    has_rows: bool


def grant(prefix: str | None = None, *, new_passwords: bool = False) -> list[Granted]:
    """Create the roles PREFIX_site, PREFIX_processor and PREFIX_keeper if missing, and give them their rights.

    `prefix`: None for the name of the site's database. A role that is new gets a password, and with `new_passwords`
    each of them. Raises Refused and InUse; a database at which that happens is left unchanged.
    """
    aliases = sorted({"default", analytics_database()}, reverse=True)
    names = {role: f"{prefix or connections['default'].settings_dict['NAME']}_{role}" for role in ROLES}
    passwords = {
        role: secrets.token_urlsafe(24)
        for role, name in names.items()
        if new_passwords or not all(exists(alias, name) for alias in aliases)
    }
    changes: defaultdict[str, int] = defaultdict(int)
    for alias in aliases:
        with in_one_piece(alias, in_use=IN_USE) as cursor:
            place = _place(cursor)
            for role, name in names.items():
                if not exists(alias, name):
                    make(cursor, name)
                owns, *_ = refuse_powers(cursor, name)
                if owns and role != KEEPER:
                    raise Refused(f"{name} owns tables, databases or other objects, which an owner can always change")
                if role in passwords:
                    set_password(cursor, name, passwords[role])
            _let_in(cursor, place, names)
            if place.has_rows:
                _hand_over_rows(cursor, place, names)
            if place.has_ledger:
                for function in OF_OWNER:
                    _run_as_owner(cursor, place, function, [])
            for _, name, _ in _level(cursor, place, names):
                changes[name] += 1
    return [Granted(role, name, passwords.get(role), changes[name]) for role, name in names.items()]


def prefix_in_use() -> str | None:
    """The prefix of the roles that were made for this database; None where one role does everything."""
    with connections[analytics_database()].cursor() as cursor:
        place = _found_place(cursor)
        if place is None or not place.has_rows:
            return None
        keeper: str = row(cursor, "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = %s::regclass", ROWS[0])[0]
    return keeper.removesuffix(f"_{KEEPER}") if keeper.endswith(f"_{KEEPER}") and keeper != place.owner else None


def _place(cursor: CursorWrapper) -> _Place:
    place = _found_place(cursor)
    if place is None:
        raise Refused("there are no tables yet; run manage.py migrate first")
    return place


def _found_place(cursor: CursorWrapper) -> _Place | None:
    cursor.execute(sql("roles/place"))
    found = cursor.fetchone()
    return _Place(*found) if found else None


def _let_in(cursor: CursorWrapper, place: _Place, names: dict[str, str]) -> None:
    """Let the roles connect and see the schema, unless PUBLIC may. Raises Refused where one may create objects."""
    for role, name in names.items():
        for privilege in ("CONNECT", "TEMPORARY") if role == PROCESSOR else ("CONNECT",):
            if not row(cursor, "SELECT has_database_privilege(%s, %s, %s)", name, place.database, privilege)[0]:
                run(cursor, f"GRANT {privilege} ON DATABASE {{}} TO {{}}", place.database, name)
        if not row(cursor, "SELECT has_schema_privilege(%s, %s, 'USAGE')", name, place.schema)[0]:
            run(cursor, "GRANT USAGE ON SCHEMA {} TO {}", place.schema, name)
        if role != KEEPER and row(cursor, "SELECT has_schema_privilege(%s, %s, 'CREATE')", name, place.schema)[0]:
            raise Refused(
                f"{name} may create objects in the schema {place.schema}; ask the server's administrator to run "
                f"`REVOKE CREATE ON SCHEMA {place.schema} FROM PUBLIC`"
            )
    if place.has_ledger:
        run(cursor, "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {} TO {}", place.schema, names[SITE])


def _hand_over_rows(cursor: CursorWrapper, place: _Place, names: dict[str, str]) -> None:
    """Make the keeper the owner of the rows' tables, and the tables' old owner a member of the keeper."""
    keeper = names[KEEPER]
    if not row(cursor, "SELECT pg_has_role(%s, %s, 'USAGE')", place.owner, keeper)[0]:
        run(cursor, "GRANT {} TO {}", keeper, place.owner)
    run(cursor, "GRANT CREATE ON SCHEMA {} TO {}", place.schema, keeper)
    cursor.execute(sql("roles/rows_of_others"), {"schema": place.schema, "keeper": keeper, "rows": list(ROWS)})
    for (table,) in cursor.fetchall():
        run(cursor, "ALTER TABLE {}.{} OWNER TO {}", place.schema, table, keeper)
    for function, callers in OF_KEEPER.items():
        cursor.execute(f"ALTER FUNCTION {function} OWNER TO {_quoted(keeper)}")
        _run_as_owner(cursor, place, function, [names[role] for role in callers])


def _run_as_owner(cursor: CursorWrapper, place: _Place, function: str, callers: Iterable[str]) -> None:
    """Have a function run with its owner's rights, whoever of the callers calls it, on tables of our schema only."""
    cursor.execute(f"ALTER FUNCTION {function} SECURITY DEFINER SET search_path = {_quoted(place.schema)}, pg_temp")
    cursor.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for name in callers:
        cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {_quoted(name)}")


def _level(cursor: CursorWrapper, place: _Place, names: dict[str, str]) -> set[Right]:
    """Grant what is missing and revoke what is too much; returns both. Raises Refused if it is not right then."""
    missing, extra = _differences(cursor, place, names)
    for differences, template in ((missing, "GRANT {} ON {} TO {}"), (extra, "REVOKE {} ON {} FROM {}")):
        for table, name, privilege in sorted(differences):
            statement = composable.SQL(template).format(
                composable.SQL(privilege),
                composable.Identifier(place.schema, table),
                composable.Identifier(name),
            )
            cursor.execute(statement.as_string())
    still_missing, still_extra = _differences(cursor, place, names)
    for table, name, privilege in sorted(still_missing):
        raise Refused(f"{name} still has no right to {privilege} {table}")
    for table, name, privilege in sorted(still_extra):
        raise Refused(
            f"{name} could {privilege} {table}; another role or PUBLIC granted that, and it must be revoked first"
        )
    return missing | extra


def _differences(cursor: CursorWrapper, place: _Place, names: dict[str, str]) -> tuple[set[Right], set[Right]]:
    """Rights that are missing, and rights that are too much."""
    known: dict[str, Any] = {"schema": place.schema, "owners": [place.owner, names[KEEPER]]}
    letters = PRIVILEGES if cursor.connection.info.server_version >= MAINTAIN_SINCE else set(PRIVILEGES) - {"m"}
    cursor.execute(sql("roles/relations"), known)
    tables = [table for (table,) in cursor.fetchall()]
    wanted = {
        (table, name, PRIVILEGES[letter])
        for table in tables
        for role, name in names.items()
        for letter in rights(table, role)
        if letter in letters
    }
    privileges = [PRIVILEGES[letter] for letter in letters]
    cursor.execute(sql("roles/rights"), {**known, "roles": list(names.values()), "privileges": privileges})
    found = {(table, name, privilege): whole for table, name, privilege, whole in cursor.fetchall()}
    return wanted - {right for right, whole in found.items() if whole}, set(found) - wanted


def _quoted(name: str) -> str:
    return composable.Identifier(name).as_string()
