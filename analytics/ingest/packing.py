"""Rows as PostgreSQL's binary COPY reads them: fields with their length before them, all in network order.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". By hand, because a row costs psycopg's general
way several times as much, and these columns are always the same. A row begins with its key, so packed rows sort as
their keys do.
"""

from collections.abc import Iterable
from functools import lru_cache
from struct import Struct
from uuid import UUID

from analytics.vocabulary import Category

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
NULL_LENGTH = -1
# PostgreSQL counts from the year 2000.
POSTGRES_EPOCH_US = 946_684_800 * 1_000_000

# In the order that rows have them: what differs from row to row first, what comes again and again last.
KEY = (("timestamp", "timestamptz"), ("id", "uuid"), ("user_id", "uuid"), ("organization_id", "uuid"))
SHARED = (("deployment_type", "varchar"), ("metadata", "jsonb"))
COLUMNS = {
    Category.USER_ACTIVITY: (*KEY, ("session_id", "varchar"), *SHARED, ("event_type", "varchar")),
    Category.ENDPOINT_USAGE: (
        *KEY,
        ("duration_ms", "float8"),
        *SHARED,
        ("endpoint", "varchar"),
        ("method", "varchar"),
        ("status_code", "int4"),
    ),
    Category.FEATURE_USAGE: (*KEY, *SHARED, ("feature_name", "varchar"), ("action", "varchar")),
}

NUMBER_OF_COLUMNS = {category: len(columns) for category, columns in COLUMNS.items()}

_key = "!hiqi16si16s"  # number of columns, timestamp, id, user_id
_with_organization, _without = Struct(f"{_key}i16s").pack, Struct(f"{_key}i").pack
_length = Struct("!i").pack
_int4, _float8 = Struct("!ii").pack, Struct("!id").pack


def key(columns: int, timestamp_us: int, id_: bytes, user_id: bytes, organization_id: bytes | None) -> bytes:
    """What a row of so many columns begins with: those of KEY. The timestamp is in microseconds since 1970."""
    time = timestamp_us - POSTGRES_EPOCH_US
    if organization_id is None:
        return _without(columns, 8, time, 16, id_, 16, user_id, NULL_LENGTH)
    return _with_organization(columns, 8, time, 16, id_, 16, user_id, 16, organization_id)


def session(pseudonym: bytes | None) -> bytes:
    """A session's column, which is text: as a UUID is written."""
    return NULL if pseudonym is None else _text(str(UUID(bytes=pseudonym)))


def duration(milliseconds: float) -> bytes:
    return _float8(8, milliseconds)


@lru_cache(maxsize=4096)
def end(deployment: str, metadata: bytes, columns: tuple[str | int, ...]) -> bytes:
    """What a row ends with: the deployment type, JSON, and the columns that only its category has."""
    # jsonb begins with its version, 1.
    shared = _text(deployment) + _length(len(metadata) + 1) + b"\x01" + metadata
    return shared + b"".join(_int4(4, each) if isinstance(each, int) else _text(each) for each in columns)


def copied(rows: Iterable[bytes]) -> bytes:
    """All there is to send for `COPY ... FROM STDIN (FORMAT BINARY)` of these rows."""
    return b"".join((SIGNATURE, *rows, END))


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _length(len(encoded)) + encoded
