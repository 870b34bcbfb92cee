"""Rows as the writer takes them, made from values and taken apart again."""

from collections.abc import Callable
from datetime import datetime
from struct import unpack
from typing import Any
from uuid import UUID

import orjson

from analytics.ingest.copy import COLUMNS, NULL, POSTGRES_EPOCH_US, duration, head, session, tail, text
from analytics.ingest.verdict import Row
from analytics.vocabulary import Category
from privacy.clock import from_unix_us, unix_us

TYPES: dict[str, Callable[[bytes], Any]] = {
    "timestamptz": lambda raw: from_unix_us(unpack("!q", raw)[0] + POSTGRES_EPOCH_US),
    "uuid": lambda raw: UUID(bytes=raw),
    "varchar": bytes.decode,
    "jsonb": lambda raw: orjson.loads(raw.removeprefix(b"\x01")),
    "int4": lambda raw: unpack("!i", raw)[0],
    "float8": lambda raw: unpack("!d", raw)[0],
}


def row(
    category: Category,
    *columns: str | int,
    when: datetime,
    person: UUID,
    id_: UUID,
    organization: UUID | None = None,
    deployment: str = "cloud",
    metadata: bytes = b"{}",
    own: str | float | None = None,
    version: str | None = None,
) -> Row:
    """`columns` are the category's own; `own` is the session or the duration in milliseconds.

    `version` is a request's release.
    """
    organization_id = None if organization is None else organization.bytes
    differs = b""
    if category is Category.USER_ACTIVITY:
        differs = session(None if own is None else UUID(str(own)).bytes)
    elif category is Category.ENDPOINT_USAGE:
        differs = duration(float(own or 0)) + (NULL if version is None else text(version))
    begin = head(category, unix_us(when), id_.bytes, person.bytes, organization_id)
    return begin + differs + text(deployment) + tail(metadata, columns)


def values(category: Category, packed: bytes) -> dict[str, Any]:
    """By column, as psycopg would have them; metadata as a dictionary."""
    found: dict[str, Any] = {}
    assert unpack("!h", packed[:2]) == (len(COLUMNS[category]),)
    at = 2
    for name, type_ in COLUMNS[category]:
        (length,) = unpack("!i", packed[at : at + 4])
        at += 4
        found[name] = None if length == -1 else TYPES[type_](packed[at : at + length])
        at += max(length, 0)
    assert at == len(packed)
    return found
