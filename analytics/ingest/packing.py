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
_key_and_organization = Struct("!hiqi16si16si16s").pack
_length = Struct("!i").pack
_status_and_duration = Struct("!iiid").pack


def packed(category: Category, rows: Iterable[Row]) -> bytes:
    """All there is to send for `COPY ... FROM STDIN (FORMAT BINARY)` with the columns of `COLUMNS[category]`."""
    own, columns, parts = _OWN[category], len(COLUMNS[category]), [SIGNATURE]
    add = parts.append
    for timestamp_us, id_, user_id, organization_id, deployment, metadata, *own_values in rows:
        time = timestamp_us - POSTGRES_EPOCH_US
        if organization_id is None:
            add(_key(columns, 8, time, 16, id_, 16, user_id) + NULL)
        else:
            add(_key_and_organization(columns, 8, time, 16, id_, 16, user_id, 16, organization_id))
        add(_deployment_and_metadata(deployment, metadata))
        add(own(*own_values))
    add(END)
    return b"".join(parts)


def _text(value: str | None) -> bytes:
    if value is None:
        return NULL
    encoded = value.encode()
    return _length(len(encoded)) + encoded


@lru_cache(maxsize=4096)
def _texts(*values: str) -> bytes:
    """What comes again and again: declared names, methods, routes."""
    return b"".join(map(_text, values))


@lru_cache(maxsize=4096)
def _deployment_and_metadata(deployment: str, metadata: bytes) -> bytes:
    # jsonb begins with its version, 1.
    return _text(deployment) + _length(len(metadata) + 1) + b"\x01" + metadata


def _user_activity(event_type: str, session_id: str | None) -> bytes:
    return _texts(event_type) + _text(session_id)


def _endpoint_usage(endpoint: str, method: str, status_code: int, duration_ms: float) -> bytes:
    return _texts(endpoint, method) + _status_and_duration(4, status_code, 8, duration_ms)


_OWN: dict[Category, Callable[..., bytes]] = {
    Category.USER_ACTIVITY: _user_activity,
    Category.ENDPOINT_USAGE: _endpoint_usage,
    Category.FEATURE_USAGE: _texts,
}
