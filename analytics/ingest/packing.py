"""Rows as PostgreSQL's binary COPY reads them: fields with their length before them, all in network order.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". By hand, because a row costs psycopg's general
way several times as much, and these columns are always the same. A row begins with its key, so packed rows sort as
their keys do.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from struct import Struct

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

_key = "!hiqi16si16s"  # number of columns, timestamp, id, user_id
_with_organization, _without = Struct(f"{_key}i16s").pack, Struct(f"{_key}i").pack
_and_duration_with_organization, _and_duration_without = Struct(f"{_key}i16sid").pack, Struct(f"{_key}iid").pack
_and_session_with_organization, _and_session_without = Struct(f"{_key}i16si36s").pack, Struct(f"{_key}ii36s").pack
_length = Struct("!i").pack
_int4 = Struct("!ii").pack

# What every row of a category begins with, from: microseconds since 1970, id, user_id, organization_id, and what else
# differs (a session, a duration in milliseconds, nothing).
Begin = Callable[[int, bytes, bytes, bytes | None, bytes | float | None], bytes]


def _user_activity(
    timestamp_us: int, id_: bytes, user_id: bytes, organization_id: bytes | None, session: bytes | float | None
) -> bytes:
    """`session` is 36 characters, or None."""
    time = timestamp_us - POSTGRES_EPOCH_US
    if session is None:
        return _feature(8, time, id_, user_id, organization_id) + NULL
    if organization_id is None:
        return _and_session_without(8, 8, time, 16, id_, 16, user_id, NULL_LENGTH, 36, session)
    return _and_session_with_organization(8, 8, time, 16, id_, 16, user_id, 16, organization_id, 36, session)


def _endpoint_usage(
    timestamp_us: int, id_: bytes, user_id: bytes, organization_id: bytes | None, duration_ms: bytes | float | None
) -> bytes:
    time = timestamp_us - POSTGRES_EPOCH_US
    if organization_id is None:
        return _and_duration_without(10, 8, time, 16, id_, 16, user_id, NULL_LENGTH, 8, duration_ms)
    return _and_duration_with_organization(10, 8, time, 16, id_, 16, user_id, 16, organization_id, 8, duration_ms)


def _feature_usage(
    timestamp_us: int, id_: bytes, user_id: bytes, organization_id: bytes | None, _nothing: bytes | float | None
) -> bytes:
    return _feature(8, timestamp_us - POSTGRES_EPOCH_US, id_, user_id, organization_id)


def _feature(columns: int, time: int, id_: bytes, user_id: bytes, organization_id: bytes | None) -> bytes:
    if organization_id is None:
        return _without(columns, 8, time, 16, id_, 16, user_id, NULL_LENGTH)
    return _with_organization(columns, 8, time, 16, id_, 16, user_id, 16, organization_id)


BEGIN: dict[Category, Begin] = {
    Category.USER_ACTIVITY: _user_activity,
    Category.ENDPOINT_USAGE: _endpoint_usage,
    Category.FEATURE_USAGE: _feature_usage,
}


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
