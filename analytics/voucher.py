"""Vouchers: the word of a person's installation, on a span, that the person shares at the span's start.

    voucher = since + "." + until + "." + mac
    mac     = the first 32 hexadecimal digits of HMAC-SHA-256(key, "voucher" NUL pseudonym NUL since NUL until)

`since` and `until` are Unix seconds, both included; the pseudonym is written as 32 lower-case hexadecimal digits. The
site signs and the processor verifies with the same key, which no other service has. docs/connect.md describes them.
"""

import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from analytics.conf import conf
from analytics.events import Value
from privacy.clock import unix_us

VOUCHER = re.compile(r"(\d{1,12})\.(\d{1,12})\.([0-9a-f]{32})", re.ASCII)
# Longest time before now that a voucher for another service covers, for spans that wait.
LOOKS_BACK = timedelta(days=1)
# Length of a voucher for a span of the site's own: the minute in which the span starts.
OWN_SECONDS = 60


def voucher(pseudonym: UUID, *, since: datetime, now: datetime, until: datetime) -> str | None:
    """A voucher for a person who shares `since` then without interruption; None without a key."""
    first_us = unix_us(max(since, now - LOOKS_BACK))
    return _signed(pseudonym, -(-first_us // 1_000_000), unix_us(until) // 1_000_000)


def voucher_of_own_span(pseudonym: UUID, start_ns: int) -> str | None:
    """A voucher for a span of this site, whose consent has been checked; None without a key."""
    first = start_ns // 1_000_000_000 // OWN_SECONDS * OWN_SECONDS
    return _signed(pseudonym, first, first + OWN_SECONDS - 1)


def _signed(pseudonym: UUID, first: int, last: int) -> str | None:
    keys = conf.voucher_keys
    return f"{first}.{last}.{_mac(os.fsencode(keys[0]), pseudonym.hex, first, last)}" if keys else None


def _mac(key: bytes, pseudonym: str, first: int, last: int) -> str:
    return hmac.digest(key, f"voucher\0{pseudonym}\0{first}\0{last}".encode(), "sha256").hex()[:32]


@dataclass(frozen=True, slots=True)
class Vouchers:
    """The processor's rule: the `keys` it verifies with, and whether a voucher is `required`."""

    keys: Sequence[bytes] = ()
    required: bool = False

    @classmethod
    def configured(cls) -> "Vouchers":
        return cls([os.fsencode(key) for key in conf.voucher_keys], conf.vouchers_required)

    def cover(self, text: Value, user_id: bytes, timestamp_us: int) -> bool:
        """Whether `text` vouches for the person, a pseudonym of 16 bytes, at this time."""
        found = VOUCHER.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            return False
        first, last, mac = int(found[1]), int(found[2]), found[3]
        if not first <= timestamp_us // 1_000_000 <= last:
            return False
        return any(hmac.compare_digest(_mac(key, user_id.hex(), first, last), mac) for key in self.keys)
