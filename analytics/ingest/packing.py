"""Rows as PostgreSQL's binary COPY reads them: fields with their length before them, all in network order.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". By hand, because a row costs psycopg's general
way several times as much, and these columns are always the same.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from struct import Struct

from analytics.ingest.verdicts import COLUMNS, Row
from analytics.vocabulary import Category

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
# PostgreSQL counts from the year 2000.
POSTGRES_EPOCH_US = 946_684_800 * 1_000_000
_key = Struct("!hiqi16si16s").pack  # number of columns, timestamp, id, user_id
_uuid = Struct("!i16s").pack
_length = Struct("!i").pack
_json = Struct("!ib").pack  # jsonb begins with its version, 1
_status_and_duration = Struct("!iiid").pack


def packed(category: Category, rows: Iterable[Row]) -> bytes:
    """All there is to send for `COPY ... FROM STDIN (FORMAT BINARY)` with the columns of `COLUMNS[category]`."""
    own, columns, parts = _OWN[category], len(COLUMNS[category]), [SIGNATURE]
    for timestamp_us, id_, user_id, organization_id, deployment, metadata, *own_values in rows:
        parts += (
            _key(columns, 8, timestamp_us - POSTGRES_EPOCH_US, 16, id_, 16, user_id),
            NULL if organization_id is None else _uuid(16, organization_id),
            _word(deployment),
            _json(len(metadata) + 1, 1),
            metadata,
            own(*own_values),
        )
    parts.append(END)
    return b"".join(parts)


def _text(value: str | None) -> bytes:
    if value is None:
        return NULL
    encoded = value.encode()
    return _length(len(encoded)) + encoded


# What comes again and again: deployment types, declared names, methods, routes.
_word = lru_cache(maxsize=4096)(_text)


def _user_activity(event_type: str, session_id: str | None) -> bytes:
    return _word(event_type) + _text(session_id)


def _endpoint_usage(endpoint: str, method: str, status_code: int, duration_ms: float) -> bytes:
    return _word(endpoint) + _word(method) + _status_and_duration(4, status_code, 8, duration_ms)


def _feature_usage(feature_name: str, action: str) -> bytes:
    return _word(feature_name) + _word(action)


_OWN: dict[Category, Callable[..., bytes]] = {
    Category.USER_ACTIVITY: _user_activity,
    Category.ENDPOINT_USAGE: _endpoint_usage,
    Category.FEATURE_USAGE: _feature_usage,
}
