"""Ids of demo data: they begin with "demo" in ASCII and 32 zeros, as no pseudonym does.

A pseudonym is 128 bits of an HMAC, of which one in 2**64 would look like these. So what is demo is seen by anybody,
whatever installation loaded it and whatever its key, and found by a range of ids.
"""

from uuid import UUID

_MARK = int.from_bytes(b"demo") << 96
_KIND_BITS = 48  # room for as many of each kind
FIRST, LAST = UUID(int=_MARK), UUID(int=_MARK | (1 << 64) - 1)


def person_id(number: int) -> UUID:
    return _of_kind(0, number)


def organization_id(number: int) -> UUID:
    return _of_kind(1, number)


def session_id(number: int) -> UUID:
    return _of_kind(2, number)


def object_id(number: int) -> UUID:
    """Of a test, a test set or whatever else a demo person works on."""
    return _of_kind(3, number)


def _of_kind(kind: int, number: int) -> UUID:
    return UUID(int=_MARK | kind << _KIND_BITS | number % (1 << _KIND_BITS))
