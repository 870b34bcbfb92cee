"""Describes for operators why a database is not usable: cause, SQLSTATE and host.

PostgreSQL's messages may quote row values, and an address may contain a password, so neither is repeated. Our own texts
are selected by SQLSTATE. For a refused connection libpq has no SQLSTATE; then the message is compared with PostgreSQL's
English ones.
"""

import re
from collections.abc import Iterator

import psycopg
from django.db import connections
from psycopg import errors

# By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
CAUSES = {
    "08001": "no server answers",
    "08006": "the connection was lost",
    "22P02": "a value has the wrong format",
    "23505": "a row exists already",
    "25006": "the database is read-only: it is a standby, or default_transaction_read_only is on",
    "25P03": "the session was ended, because its transaction was idle for too long",
    "28000": "the role may not connect from here: check pg_hba.conf, and whether TLS is required",
    "28P01": "the password or the name of the role is wrong",
    "3D000": "there is no such database",
    "3F000": "there is no such schema",
    "40001": "concurrent transactions conflicted",
    "40P01": "transactions deadlocked",
    "42501": "the role lacks a right on a table, schema or database",
    "42P01": "tables are missing: run manage.py migrate",
    "42703": "columns are missing: run manage.py migrate",
    "42883": "functions are missing: run manage.py migrate",
    "53100": "the disk of the server is full",
    "53200": "the server is out of memory",
    "53300": "the server has no free connection",
    "55000": "the server is not in a state to do this",
    "55P03": "a lock was not available in time",
    "57014": "the time limit was exceeded",
    "57P01": "the server was stopped",
    "57P02": "the server crashed and is restarting",
    "57P03": "the server is starting up or shutting down",
    "57P05": "the session was ended, because it was idle for too long",
    "58030": "the server cannot read or write its files",
}
BY_CLASS = {
    "08": CAUSES["08006"],
    "25": "the state of the transaction does not allow it",
    "28": CAUSES["28000"],
    "42": "the database does not have the shape this version expects: run manage.py migrate",
    "53": "the server lacks a resource (disk, memory or connections)",
    "57": "the server was stopped, or stopped the statement",
    "58": CAUSES["58030"],
    "XX": "the server's files are damaged, or it has an internal error",
}
# Pattern, SQLSTATE and cause of a refused or failed connection; the first match applies.
REFUSED: tuple[tuple[str, str, str], ...] = (
    (r"password authentication failed|no password supplied", "28P01", CAUSES["28P01"]),
    (r"no pg_hba\.conf entry|pg_hba\.conf rejects|authentication failed", "28000", CAUSES["28000"]),
    (r"role .* (does not exist|is not permitted to log in)", "28000", "there is no such role, or it may not sign in"),
    (r"database .* does not exist|no such database", "3D000", CAUSES["3D000"]),
    (r"too many (clients|connections)|remaining connection slots|no more connections", "53300", CAUSES["53300"]),
    (r"is (starting up|shutting down)|not yet accepting connections|in recovery mode", "57P03", CAUSES["57P03"]),
    (r"No space left on device", "53100", CAUSES["53100"]),
    (r"permission denied for database", "42501", CAUSES["42501"]),
    (r"session is read-only|in hot standby|server is not", "25006", "no server matches target_session_attrs"),
    (r"translate host name|resolve host|Name or service not known", "08001", "the host name is unknown"),
    (r"Connection refused|No such file or directory", "08001", "no server listens there"),
    (r"timeout expired|timed out|timeout", "08001", "the server did not answer in time"),
    (r"No route to host|Network is unreachable", "08001", "the host cannot be reached"),
    (r"certificate|SSL|TLS", "08001", "TLS failed: check sslmode and the certificates"),
    (r"closed the connection|connection .*(closed|lost|reset)|Broken pipe", "08006", CAUSES["08006"]),
)
# Host names, sockets and addresses. Other text may be part of a password in a malformed address.
HOST = re.compile(r"[\w.:/%-]{1,255}")


def cause(error: BaseException, alias: str | None = None) -> str:
    """One line such as "there is no such database (SQLSTATE 3D000) at db.example:5432".

    `error` is psycopg's, or Django's with that as its cause. `alias` is the database if the error does not name it.
    """
    of_psycopg = next((each for each in _chain(error) if isinstance(each, psycopg.Error)), None)
    state, text = _state_and_cause(of_psycopg or error)
    where = _where_of(of_psycopg) or (_where_configured(alias) if alias else "")
    return f"{text} ({f'SQLSTATE {state}' if state else type(error).__name__}){f' at {where}' if where else ''}"


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of the error or of its cause; for a refused connection, the one that matches its message."""
    return _state_and_cause(next((each for each in _chain(error) if isinstance(each, psycopg.Error)), error))[0]


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__


def _state_and_cause(error: BaseException) -> tuple[str | None, str]:
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state, CAUSES.get(state) or BY_CLASS.get(state[:2], "the database rejected it")
    if isinstance(error, errors.ConnectionTimeout):
        return "08001", "the server did not answer in time"
    text = str(error)
    for pattern, found, why in REFUSED:
        if re.search(pattern, text, re.IGNORECASE):
            return found, why
    if isinstance(error, psycopg.OperationalError) and error.pgconn is not None:
        # A message in another language is not repeated.
        return None, "the server refused the connection; its log has the reason"
    return None, "it cannot be used"


def _where_of(error: psycopg.Error | None) -> str:
    """Host and port of the error's connection; empty if unknown."""
    try:
        if error is not None and error.pgconn is not None:
            return _where(error.pgconn.host.decode(), error.pgconn.port.decode())
    except (psycopg.Error, UnicodeDecodeError):
        pass  # the connection is closed and no longer knows its host
    unresolved = re.search(r"resolve host '([^']+)'", str(error))
    return _where(unresolved[1], "") if unresolved else ""


def _where_configured(alias: str) -> str:
    of = connections[alias].settings_dict
    options = of.get("OPTIONS") or {}
    host, port = (of[name.upper()] or options.get(name) or "" for name in ("host", "port"))
    return _where(str(host), str(port))


def _where(host: str, port: str) -> str:
    if not HOST.fullmatch(host):
        return ""
    return f"{host}:{port}" if port and not host.startswith("/") else host
