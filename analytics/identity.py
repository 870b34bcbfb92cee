"""Pseudonyms that only their installation can open: each is the hash of a secret that nobody else can compute.

    secret    = HMAC-SHA-256(key, kind + NUL + id + NUL + salt)
    pseudonym = the first 128 bits of SHA-256(secret), its version and variant set to those of a UUID of version 8

Without the key and the salt nobody can compute a pseudonym from an id, and with all of a database's rows nobody can
name a secret. A request to delete names it: so it comes from the installation. docs/pseudonyms.md has the reasons, the
salts and test vectors.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.crypto import salted_hmac

from analytics.conf import conf
from analytics.declared import DERIVED
from privacy.keys import Key


class Kind(StrEnum):
    """What an id is of: the domain of its pseudonym."""

    USER = "user"
    ORGANIZATION = "organization"
    SESSION = "session"
    METADATA = "metadata"


def pseudonym(kind: Kind, identifier: UUID | str | int, salt: UUID | str = "") -> UUID:
    """The pseudonym of `identifier` under the present key. UUIDs count as their text.

    `salt` is that of the person whose id, session or object it is; empty for an organization, which people share.
    """
    return _commitment(_keys()[0], kind, str(identifier), str(salt))


def secrets_of(user_id: Key, salt: UUID) -> list[bytes]:
    """The secrets of a person's pseudonyms, 32 bytes each: the present key's, then each previous one's."""
    return [secret(key, Kind.USER, str(user_id), str(salt)) for key in _keys()]


def pseudonyms_of(user_id: Key, salt: UUID) -> list[UUID]:
    """The pseudonyms under which rows of a person may be stored, the present one first."""
    return [_commitment(key, Kind.USER, str(user_id), str(salt)) for key in _keys()]


def secret(key: bytes, kind: Kind, identifier: str, salt: str) -> bytes:
    """32 bytes."""
    return hmac.new(key, f"{kind.value}\0{identifier}\0{salt}".encode(), hashlib.sha256).digest()


def commitment(secret: bytes) -> UUID:
    """The pseudonym that this secret opens."""
    high, low = divmod(int.from_bytes(hashlib.sha256(secret).digest()[:16]), 1 << 64)
    return UUID(int=(high & ~0xF000 | 0x8000) << 64 | low & ~(0b11 << 62) | 0b10 << 62)


@lru_cache(maxsize=4096)
def _commitment(key: bytes, kind: Kind, identifier: str, salt: str) -> UUID:
    return commitment(secret(key, kind, identifier, salt))


@lru_cache(maxsize=1)
def _keys() -> tuple[bytes, ...]:
    """The present key, then the previous ones."""
    keys = (each for text in [conf.hash_key or DERIVED, *conf.previous_hash_keys] for each in _of(text))
    return tuple(dict.fromkeys(keys))


def _of(text: str) -> Iterator[bytes]:
    """The key that a setting names; of DERIVED those from SECRET_KEY and from what it has replaced."""
    if text != DERIVED:
        yield os.fsencode(text)
        return
    for each in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield salted_hmac("analytics.identity.pseudonym", "", secret=each, algorithm="sha256").digest()


def _forget_keys(*, setting: str, **_: object) -> None:
    if setting in {"TELEMETRY_HASH_KEY", "TELEMETRY_HASH_KEY_PREVIOUS", "SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        _keys.cache_clear()


setting_changed.connect(_forget_keys)
