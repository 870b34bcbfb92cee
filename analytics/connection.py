"""Connections to the analytics database that are not Django's: the processor's, and that of a lock."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from privacy.sessions import settle

CONNECT_TIMEOUT_SECONDS = 5
# A host that has vanished is noticed within a minute, not after the hours that TCP would wait. The operator's win.
PATIENCE = {
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


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
        settle(connection, {"TimeZone": "UTC"})
    except BaseException:
        connection.close()
        raise
    return connection
