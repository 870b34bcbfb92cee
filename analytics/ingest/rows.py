"""Span -> row or a named reason. The steps of `_row` read from top to bottom; each keeps, or rejects with its reason.

Understands this project's own spans (design, section 5), what older Rhesis clients send, and stock OpenTelemetry HTTP
server spans of any language that carry `user.id`.
"""

import re
from datetime import datetime, timedelta
from hashlib import blake2b
from struct import Struct
from typing import Any

from analytics import vocabulary
from analytics.ingest import packing
from analytics.ingest.plain import Said, Spans
from analytics.ingest.senders import senders
from analytics.ingest.verdicts import Attributes, ErasureRequest, Reason, Rejected, Row, Value, Verdicts, microseconds
from analytics.ingest.words import Words, checked_duration_ms
from analytics.retention import RETENTION_MONTHS, months_before
from analytics.vocabulary import Category
from privacy.switches import DeploymentType, parse_deployment_type

CLOCK_SKEW = timedelta(minutes=10)
UNKNOWN_DEPLOYMENT = "unknown"  # what older browsers send that were not configured: as if they sent none
NO_TRACE_ID, NO_SPAN_ID = bytes(16), bytes(8)
VERSION_8, VARIANT, HASHED_BITS = 0x8000, 0b10 << 62, (1 << 62) - 1
_hashed, _as_uuid = Struct("!HQ").unpack, Struct("!QQ").pack
# A UUID with or without its hyphens, or what older clients send: 16 digits, browsers of theirs 8.
PSEUDONYM = re.compile(r"[0-9a-fA-F]{8}(-?)(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{16}|[0-9a-fA-F]{8}")


def verdicts(spans: Spans, *, now: datetime, own: DeploymentType) -> Verdicts:
    """Judge every span of a request by itself. `own` is the deployment type of spans that name none.

    Raises DecodeError if `spans` does.
    """
    found, window_us = Verdicts(), window(now)
    for resource, of_resource in spans:
        deployment = deployment_of(resource, own)
        for said in of_resource:
            judge(found, said, deployment, window_us, resource)
    return found


def judge(
    found: Verdicts, said: Said, deployment: str | None, window_us: tuple[int, int], resource: Attributes
) -> None:
    """Add the verdict of one more span to those `found`. `resource` has the attributes of its sender."""
    found.received += 1
    _, _, words = said
    try:
        category, row = _row(*said, deployment, window_us)
    except Rejected as rejected:
        found.refusals[rejected.reason, senders.name(resource)] += 1
        return
    if isinstance(row, ErasureRequest):
        found.erasures.append(row)
    else:
        found.rows[category].append(row)
        for part in words.dropped:
            found.dropped_of[part, senders.name(resource)] += 1


def window(now: datetime) -> tuple[int, int]:
    """The first and the last moment that a row may be of, in microseconds since 1970."""
    return microseconds(months_before(now, RETENTION_MONTHS)), microseconds(now + CLOCK_SKEW)


def _row(
    span: Any, identities: Attributes, words: Words, deployment: str | None, window_us: tuple[int, int]
) -> tuple[Category, Row | ErasureRequest]:
    category = words.category
    user_word = identities.get(vocabulary.USER_ID)
    if category is None or (words.is_stock and user_word is None):
        raise Rejected(Reason.NOT_TELEMETRY)
    user_id = pseudonym(user_word, Reason.BAD_USER)
    if user_id is None:
        raise Rejected(Reason.BAD_USER)
    organization_id = pseudonym(identities.get(vocabulary.ORGANIZATION_ID), Reason.BAD_ORGANIZATION)
    if deployment is None:
        raise Rejected(Reason.BAD_DEPLOYMENT)
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    if words.is_erasure:
        return category, _erasure_request(span, user_id, window_us[1])
    timestamp_us = _timestamp_us(start_ns, end_ns, *window_us)
    id_ = _checked_row_id(start_ns, span.trace_id, span.span_id)
    if words.reason is not None:
        raise Rejected(words.reason)
    own = b""
    if category is Category.ENDPOINT_USAGE:
        own = packing.duration(_measured_ms(start_ns, end_ns) if words.duration_ms is None else words.duration_ms)
    elif category is Category.USER_ACTIVITY:
        own = packing.session(pseudonym(identities.get(vocabulary.SESSION_ID), Reason.BAD_SESSION))
    key = packing.key(packing.NUMBER_OF_COLUMNS[category], timestamp_us, id_, user_id, organization_id)
    return category, (key + own + packing.end(deployment, words.metadata, words.columns), timestamp_us, user_id)


def _erasure_request(span: Any, user_id: bytes, newest_us: int) -> ErasureRequest:
    """However wrong the sender's clock: a request that was refused would count as taken, and never be sent again."""
    start_ns = span.start_time_unix_nano
    if start_ns == 0:
        raise Rejected(Reason.BAD_TIMESTAMP)
    return ErasureRequest(
        _checked_row_id(start_ns, span.trace_id, span.span_id), user_id, min(start_ns // 1000, newest_us)
    )


def deployment_of(resource: Attributes, own: DeploymentType) -> str | None:
    """As it is stored; None if the resource says a type that there is not."""
    word = resource.get(vocabulary.DEPLOYMENT_TYPE, own.value)
    if word == UNKNOWN_DEPLOYMENT:
        return own.value
    parsed = parse_deployment_type(word) if isinstance(word, str) else None
    return None if parsed is None else parsed.value


def pseudonym(word: Value, reason: Reason) -> bytes | None:
    """16 bytes; None for no word. Rejected is one that is no pseudonym, and the one that is all zero."""
    if word is None:
        return None
    if not isinstance(word, str) or not PSEUDONYM.fullmatch(word):
        raise Rejected(reason)
    parsed = bytes.fromhex(word.replace("-", "")).rjust(16, b"\0")
    if not any(parsed):
        raise Rejected(reason)
    return parsed


def _timestamp_us(start_ns: int, end_ns: int, oldest_us: int, newest_us: int) -> int:
    if start_ns == 0 or 0 < end_ns < start_ns:
        raise Rejected(Reason.BAD_TIMESTAMP)
    timestamp_us = start_ns // 1000
    if timestamp_us > newest_us:
        raise Rejected(Reason.IN_FUTURE)
    if timestamp_us < oldest_us:
        raise Rejected(Reason.TOO_OLD)
    return timestamp_us


def _measured_ms(start_ns: int, end_ns: int) -> float:
    if end_ns == 0:
        raise Rejected(Reason.BAD_TIMESTAMP)
    return checked_duration_ms((end_ns - start_ns) / 1e6)


def _checked_row_id(start_ns: int, trace_id: bytes, span_id: bytes) -> bytes:
    if len(trace_id) != 16 or len(span_id) != 8 or trace_id == NO_TRACE_ID or span_id == NO_SPAN_ID:
        raise Rejected(Reason.BAD_SPAN_ID)
    return row_id(start_ns, trace_id + span_id)


def row_id(start_ns: int, ids: bytes) -> bytes:
    """In time order, and the same for the same span: 48 bits of milliseconds, then a hash of trace and span id (`ids`).

    Laid out as RFC 9562's version 8, which is for just that.
    """
    high, low = _hashed(blake2b(ids, digest_size=10).digest())
    return _as_uuid(start_ns // 1_000_000 << 16 | VERSION_8 | high & 0xFFF, VARIANT | low & HASHED_BITS)
