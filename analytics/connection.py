"""Connections to the analytics database that are not Django's: the processor's, and that of a lock."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from privacy.sessions import settle
from privacy.waits import PATIENCE, limit


def connect(conninfo: str) -> psycopg.Connection:
    """A connection by libpq's `conninfo`, in autocommit, with the session that we rely on. Raises psycopg.Error."""
    known: dict[str, Any] = conninfo_to_dict(conninfo)
    connection = psycopg.connect(
        make_conninfo(**{**PATIENCE, **known}),
        autocommit=True,
        # It writes parameters into the text, so that several statements can go at once, and prepares none of them.
        cursor_factory=psycopg.ClientCursor,
    )
    try:
        limit(connection)
        settle(connection, {"TimeZone": "UTC"})
    except BaseException:
        connection.close()
        raise
    return connection
