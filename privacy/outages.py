"""Why a database cannot be used: the cause in words, with its SQLSTATE and host, for operators.

Messages of PostgreSQL may quote values of rows, and an address may hold a password. So nothing of either is repeated:
the words are ours, chosen by SQLSTATE. A server that refuses a connection has no SQLSTATE in libpq's answer; there the
message is compared with PostgreSQL's, in English.
"""

import re
from collections.abc import Iterator

import psycopg
from django.db import connections
from psycopg import errors

# By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
WORDS = {
    "08001": "nothing answers there",
    "08006": "the connection was lost",
    "22P02": "a value is of the wrong form",
    "23505": "a row is there already",
    "25006": "the database is read-only: it is a standby, or default_transaction_read_only is on",
    "25P03": "the session was ended, because its transaction was idle for too long",
    "28000": "the role may not connect from here: see pg_hba.conf, and whether TLS is wanted",
    "28P01": "the password or the name of the role is wrong",
    "3D000": "there is no such database",
    "3F000": "there is no such schema",
    "40001": "transactions were in each other's way",
    "40P01": "transactions waited for each other",
    "42501": "the role lacks a right on a table, schema or database",
    "42P01": "tables are missing: run manage.py migrate",
    "42703": "columns are missing: run manage.py migrate",
    "42883": "functions are missing: run manage.py migrate",
    "53100": "the disk of the server is full",
    "53200": "the server is out of memory",
    "53300": "all connections of the server are taken",
    "55000": "the server is not in a state to do this",
    "55P03": "a lock was not to be had in time",
    "57014": "it took longer than is allowed",
    "57P01": "the server was stopped",
    "57P02": "the server crashed and comes back",
    "57P03": "the server is starting up, or is shutting down",
    "57P05": "the session was ended, because it was idle for too long",
    "58030": "the server cannot read or write its files",
}
BY_CLASS = {
    "08": WORDS["08006"],
    "25": "the state of the transaction does not allow it",
    "28": WORDS["28000"],
    "42": "the database does not have the shape this version expects: run manage.py migrate",
    "53": "the server lacks a resource (disk, memory or connections)",
    "57": "the server was stopped, or stopped the statement",
    "58": WORDS["58030"],
    "XX": "the files of the server are damaged, or it met an error of its own",
}
# Of a connection that was refused or never came about. The first that is found.
REFUSED: tuple[tuple[str, str, str], ...] = (
    (r"password authentication failed|no password supplied", "28P01", WORDS["28P01"]),
    (r"no pg_hba\.conf entry|pg_hba\.conf rejects|authentication failed", "28000", WORDS["28000"]),
    (r"role .* (does not exist|is not permitted to log in)", "28000", "there is no such role, or it may not log in"),
    (r"database .* does not exist|no such database", "3D000", WORDS["3D000"]),
    (r"too many (clients|connections)|remaining connection slots|no more connections", "53300", WORDS["53300"]),
    (r"is (starting up|shutting down)|not yet accepting connections|in recovery mode", "57P03", WORDS["57P03"]),
    (r"No space left on device", "53100", WORDS["53100"]),
    (r"permission denied for database", "42501", WORDS["42501"]),
    (r"session is read-only|in hot standby|server is not", "25006", "no server is as target_session_attrs wants it"),
    (r"translate host name|resolve host|Name or service not known", "08001", "the name of the host is unknown"),
    (r"Connection refused|No such file or directory", "08001", "nothing listens there"),
    (r"timeout expired|timed out|timeout", "08001", "it did not answer in time"),
    (r"No route to host|Network is unreachable", "08001", "no network leads there"),
    (r"certificate|SSL|TLS", "08001", "the two sides did not agree on TLS: see sslmode and the certificates"),
    (r"closed the connection|connection .*(closed|lost|reset)|Broken pipe", "08006", WORDS["08006"]),
)
# The names of hosts, sockets and addresses; an unusual one may be part of a password in a mistaken address.
HOST = re.compile(r"[\w.:/%-]{1,255}")


def cause(error: BaseException, alias: str | None = None) -> str:
    """One line in words, such as "there is no such database (SQLSTATE 3D000) at db.example:5432".

    `error` is psycopg's, or Django's with psycopg's as its cause; `alias`, the database where the error does not know.
    """
    of_psycopg = next((each for each in _chain(error) if isinstance(each, psycopg.Error)), None)
    state, words = _state_and_words(of_psycopg or error)
    where = _where_of(of_psycopg) or (_where_configured(alias) if alias else "")
    return f"{words} ({f'SQLSTATE {state}' if state else type(error).__name__}){f' at {where}' if where else ''}"


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of the error or of its cause; for a refused connection, the one its message stands for."""
    return _state_and_words(next((each for each in _chain(error) if isinstance(each, psycopg.Error)), error))[0]


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__


def _state_and_words(error: BaseException) -> tuple[str | None, str]:
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state, WORDS.get(state) or BY_CLASS.get(state[:2], "the database refuses it")
    if isinstance(error, errors.ConnectionTimeout):
        return "08001", "it did not answer in time"
    text = str(error)
    for pattern, found, words in REFUSED:
        if re.search(pattern, text, re.IGNORECASE):
            return found, words
    if isinstance(error, psycopg.OperationalError) and error.pgconn is not None:
        # In a language of its own: its message is not repeated.
        return None, "the server refuses the connection, and its log says why"
    return None, "it cannot be used"


def _where_of(error: psycopg.Error | None) -> str:
    """Host and port of the connection that the error is about; empty where it does not know."""
    try:
        if error is not None and error.pgconn is not None:
            return _where(error.pgconn.host.decode(), error.pgconn.port.decode())
    except (psycopg.Error, UnicodeDecodeError):
        pass  # the connection is gone, and its name with it
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
