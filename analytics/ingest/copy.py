"""Encodes rows for PostgreSQL's binary COPY and copies them into a table.

Each field follows its length; numbers are in network order. The format is described under "Binary Format" in
https://www.postgresql.org/docs/current/sql-copy.html. The columns are always the same, and this code is several times
as fast as psycopg's general one. A row begins with its key, so sorted rows are in the order of their keys.
"""

from collections.abc import Iterable
from struct import Struct

import psycopg
from psycopg import sql

from analytics.events import EVENTS
from analytics.ingest.verdict import Row
from analytics.vocabulary import Category

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
NULL_LENGTH = -1
# PostgreSQL counts from the year 2000.
POSTGRES_EPOCH_US = 946_684_800 * 1_000_000

# In the order of the row: columns that differ between rows first, repeated values last.
KEY = (("timestamp", "timestamptz"), ("id", "uuid"), ("user_id", "uuid"), ("organization_id", "uuid"))
SHARED = (("deployment_type", "varchar"), ("metadata", "jsonb"))
# Columns that differ between rows and are not fields of an event.
BESIDE = {
    Category.USER_ACTIVITY: (("session_id", "varchar"),),
    Category.ENDPOINT_USAGE: (("duration_ms", "float8"), ("service_version", "varchar")),
    Category.FEATURE_USAGE: (),
}
COLUMNS = {category: (*KEY, *BESIDE[category], *SHARED, *event.columns()) for category, event in EVENTS.items()}
NUMBER_OF_COLUMNS = {category: len(columns) for category, columns in COLUMNS.items()}

_key = "!hiqi16si16s"  # number of columns, timestamp, id, user_id
_with_organization, _without = Struct(f"{_key}i16s").pack, Struct(f"{_key}i").pack
_length = Struct("!i").pack
_time = Struct("!q").unpack_from
TIME = 2 + 4  # the offset of the timestamp; below, the user_id
USER = slice(TIME + 8 + 4 + 16 + 4, TIME + 8 + 4 + 16 + 4 + 16)
_int4, _float8 = Struct("!ii").pack, Struct("!id").pack


def head(category: Category, timestamp_us: int, id_: bytes, user_id: bytes, organization_id: bytes | None) -> bytes:
    """Return a row's first columns, those of KEY. The timestamp is in microseconds since 1970.

    The caller appends the columns of BESIDE, the deployment type, and `tail`.
    """
    columns, time = NUMBER_OF_COLUMNS[category], timestamp_us - POSTGRES_EPOCH_US
    if organization_id is None:
        return _without(columns, 8, time, 16, id_, 16, user_id, NULL_LENGTH)
    return _with_organization(columns, 8, time, 16, id_, 16, user_id, 16, organization_id)


def timestamp_us(row: bytes) -> int:
    """Return the row's timestamp in microseconds since 1970."""
    (time,) = _time(row, TIME)
    return int(time) + POSTGRES_EPOCH_US


def session(pseudonym: bytes | None) -> bytes:
    """Encode the session column, which is text in the format of a UUID."""
    if pseudonym is None:
        return NULL
    digits = pseudonym.hex()
    return text(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")


def duration(milliseconds: float) -> bytes:
    return _float8(8, milliseconds)


def tail(metadata: bytes, columns: tuple[str | int, ...]) -> bytes:
    """Return a row's last columns: its JSON, and those that only its category has."""
    # jsonb begins with its version, 1.
    shared = _length(len(metadata) + 1) + b"\x01" + metadata
    return shared + b"".join(_int4(4, each) if isinstance(each, int) else text(each) for each in columns)


def text(value: str) -> bytes:
    encoded = value.encode()
    return _length(len(encoded)) + encoded


def copied(rows: Iterable[bytes]) -> bytes:
    """Return the whole input of `COPY ... FROM STDIN (FORMAT BINARY)` for these rows."""
    return b"".join((SIGNATURE, *rows, END))


def staged_rows(connection: psycopg.Connection, category: Category, rows: list[Row]) -> int:
    """Insert the rows through a temporary table, skipping duplicates. Returns the number of new rows."""
    connection.execute(_STAGING_TABLE[category])
    with connection.cursor() as cursor, cursor.copy(_COPY_TO_STAGING[category]) as copy:
        copy.write(copied(rows))
    return connection.execute(_FROM_STAGING[category]).rowcount


def _staging(category: Category) -> str:
    return f"{EVENTS[category].table}_staging"


def _composed(text: str, category: Category, table: str) -> bytes:
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in COLUMNS[category])
    parts = {"table": sql.Identifier(table), "staging": sql.Identifier(_staging(category)), "names": names}
    return sql.SQL(text).format(**parts).as_bytes()


_COPY_INTO = "COPY {table} ({names}) FROM STDIN (FORMAT BINARY)"
COPY = {category: _composed(_COPY_INTO, category, EVENTS[category].table) for category in Category}
_COPY_TO_STAGING = {category: _composed(_COPY_INTO, category, _staging(category)) for category in Category}
_STAGING_TABLE = {
    category: _composed(
        "CREATE TEMPORARY TABLE {staging} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DROP",
        category,
        EVENTS[category].table,
    )
    for category in Category
}
_FROM_STAGING = {
    category: _composed(
        "INSERT INTO {table} ({names}) SELECT {names} FROM {staging} ORDER BY timestamp, id ON CONFLICT DO NOTHING",
        category,
        EVENTS[category].table,
    )
    for category in Category
}
