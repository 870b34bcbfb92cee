"""Ids of demo data: UUIDs of version 8 that begin with "demo" in ASCII, then 28 zero bits.

A pseudonym has random bits, so one in 2**60 would look like this. Any installation can thus recognize demo data,
whatever its key, and find it by a range of ids.
"""

from uuid import UUID

_PREFIX = int.from_bytes(b"demo") << 96 | 0x8000 << 64 | 0b10 << 62
_KIND_BITS = 48  # for the number within a kind
FIRST, LAST = UUID(int=_PREFIX), UUID(int=_PREFIX | (1 << 62) - 1)


def person_id(number: int) -> UUID:
    return _of_kind(0, number)


def organization_id(number: int) -> UUID:
    return _of_kind(1, number)


def session_id(number: int) -> UUID:
    return _of_kind(2, number)


def object_id(number: int) -> UUID:
    """Id of a test, a test set or another object of a demo person."""
    return _of_kind(3, number)


def _of_kind(kind: int, number: int) -> UUID:
    return UUID(int=_PREFIX | kind << _KIND_BITS | number % (1 << _KIND_BITS))
