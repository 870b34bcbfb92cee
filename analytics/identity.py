"""Keyed pseudonyms: HMAC-SHA-256 over kind and id, cut to 128 bits, written as a UUID.

Without the key nobody can compute them, so a list of all user ids matches nothing; the kinds are separate domains, so
a user, an organization and a session of equal ids have pseudonyms that share nothing. Two installations have two keys.
"""

import hashlib
import hmac
import os
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from django.core.signals import setting_changed
from django.utils.crypto import salted_hmac

from analytics.conf import conf


class Kind(StrEnum):
    """What an id is of: the domain of its pseudonym."""

    USER = "user"
    ORGANIZATION = "organization"
    SESSION = "session"
    METADATA = "metadata"


@lru_cache(maxsize=1)
def _key() -> bytes:
    if conf.hash_key:
        return os.fsencode(conf.hash_key)
    return salted_hmac("analytics.identity.pseudonym", "", algorithm="sha256").digest()


def _forget_key(*, setting: str, **_: object) -> None:
    if setting in {"TELEMETRY_HASH_KEY", "SECRET_KEY"}:
        _key.cache_clear()
        pseudonym.cache_clear()


setting_changed.connect(_forget_key)


@lru_cache(maxsize=4096)
def pseudonym(kind: Kind, identifier: UUID | str | int) -> UUID:
    """The pseudonym of `identifier` among those of its kind. Equal text gives equal pseudonyms: UUID and str alike."""
    message = f"{kind.value}\0{identifier}".encode()
    return UUID(bytes=hmac.new(_key(), message, hashlib.sha256).digest()[:16])
