"""Session parameters that our SQL relies on, set on every connection of Django and of the processor.

A server, database or role may have other defaults (`ALTER DATABASE ... SET datestyle = 'German'`). Formats are set once
per connection. Timeouts are lifted only inside transactions that must not be interrupted. The `options` in the
connection's address are the operator's and take precedence.

A transaction pooler (PgBouncer) runs each transaction on another server session. It repeats only the parameters in
TRACKED, and BEGIN carries isolation and access mode; other settings would be lost. Behind a pooler nothing else is set,
and an unusable default is a numbered error (privacy.E020) of checks, processor and commands, and in the site's log.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import IsolationLevel

from privacy.waits import LimitedConnection

# Databases with our tables: `default`, and `analytics` if configured.
ALIASES = {DEFAULT_DB_ALIAS, "analytics"}
FORMATS = {
    # psycopg reads dates and intervals in these formats only.
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # We compare table names as text.
    "quote_all_identifiers": "off",
    "row_security": "on",
}
TRANSACTIONS = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
}
LIMITS = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "idle_session_timeout",
)
# https://www.pgbouncer.org/config.html: parameters that every version tracks for each client.
TRACKED = {"DateStyle", "TimeZone", "client_encoding", "standard_conforming_strings"}
DEFAULT_SEARCH_PATH = '"$user", public'

_FOUND = """
SELECT name, setting, reset_val, source, pg_backend_pid(), to_regclass('django_migrations') IS NOT NULL,
       EXISTS (SELECT FROM pg_class WHERE relname = 'django_migrations' AND relkind = 'r')
FROM pg_settings WHERE name = ANY (%s)
"""
_SET = "SELECT set_config(name, setting, false) FROM unnest(%s::text[], %s::text[]) AS wanted (name, setting)"
_LIFT = """
SELECT set_config(name, '0', %s) FROM pg_settings
WHERE name = ANY (%s) AND setting <> '0' AND source <> 'client' AND (%s OR pg_backend_pid() = %s)
"""

_settled: WeakSet[psycopg.Connection[Any]] = WeakSet()
_reported: set[str] = set()  # aliases whose error this process has logged
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """Result of `settle`: whether the connection is pooled, and parameters we need but cannot set there."""

    is_pooled: bool
    unmet: Mapping[str, str]


def settle(connection: psycopg.Connection[Any], more: Mapping[str, str] | None = None) -> Settled:
    """Set the session parameters we rely on, and `more`. One query if all are right already. Raises psycopg.Error.

    The connection must be outside of a transaction. Its transactions become READ COMMITTED and writable, unless it has
    its own setting already.
    """
    if connection.isolation_level is None:
        connection.isolation_level = IsolationLevel.READ_COMMITTED
    if connection.read_only is None:
        connection.read_only = False
    if connection.deferrable is None:
        connection.deferrable = False
    always = FORMATS | dict(more or {})
    wanted = always | TRANSACTIONS | {"search_path": DEFAULT_SEARCH_PATH}
    rows = connection.execute(_FOUND, [list(wanted)]).fetchall()
    is_pooled = any(row[4] != connection.info.backend_pid for row in rows)
    to_set: dict[str, str] = {}
    unmet: dict[str, str] = {}
    for name, setting, at_start, source, _, is_found, is_somewhere in rows:
        can_be_set = not is_pooled or name in TRACKED
        value = setting if can_be_set else at_start
        if name == "search_path":
            # Another schema is fine if our tables are in it, or nowhere yet.
            is_right = is_found or value == wanted[name] or (is_pooled and not is_somewhere)
            wanted[name] = f"{value}, {wanted[name]}" if value else wanted[name]
        else:
            is_right = value == wanted[name] or (name in TRANSACTIONS and source == "client")
        if not is_right:
            (to_set if can_be_set else unmet)[name] = wanted[name] if can_be_set else value
    if to_set:
        connection.execute(_SET, [list(to_set), list(to_set.values())])
    if not connection.autocommit:
        connection.commit()
    return Settled(is_pooled, unmet)


def lift_limits(cursor: Any, *, in_transaction: bool) -> None:
    """Lift all timeouts, for this transaction or else for the session. A pooled session is left unchanged.

    On this side of the connection too; `privacy.waits.at_most` holds all the same.
    """
    if isinstance(cursor.connection, LimitedConnection):
        cursor.connection.lift(in_transaction=in_transaction)
    cursor.execute(_LIFT, [in_transaction, list(LIMITS), in_transaction, cursor.connection.info.backend_pid])


def described(unmet: Mapping[str, str]) -> str:
    """The wrong parameters and values, for a message."""
    return ", ".join(f"{name} is {value!r}" for name, value in sorted(unmet.items()))


def how_to_mend(unmet: Iterable[str]) -> str:
    """Instruction with the statements that set the right defaults for the role."""
    right = FORMATS | TRANSACTIONS | {"search_path": "the schema of the tables"}
    sets = "; ".join(f"ALTER ROLE ... IN DATABASE ... SET {name} = '{right[name]}'" for name in sorted(unmet))
    return f"Behind a transaction pooler, connections cannot set these. Run once, as the role's owner: {sets}."


def on_connection_created(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receiver of `connection_created`, which Django sends again for a connection reused from its pool."""
    if connection.vendor != "postgresql" or connection.alias not in ALIASES or connection.connection in _settled:
        return
    unmet = settle(connection.connection).unmet
    _settled.add(connection.connection)
    if unmet and connection.alias not in _reported:
        _reported.add(connection.alias)
        logger.error(
            "privacy.E020: behind a pooler, the database %s has defaults: %s", connection.alias, described(unmet)
        )


def on_pre_migrate(using: str, **_: Any) -> None:
    """Receiver of `pre_migrate`: lift timeouts, because migrating a large table takes long."""
    if using in ALIASES and connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            lift_limits(cursor, in_transaction=False)
