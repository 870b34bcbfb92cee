"""Span -> row or a named reason. The steps of `_row` read from top to bottom; each keeps, or rejects with its reason.

Understands this project's own spans (design, section 5), what older Rhesis clients send, and stock OpenTelemetry HTTP
server spans of any language that carry `user.id`.
"""

import re
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from analytics import vocabulary
from analytics.ingest.plain import Spans
from analytics.ingest.verdicts import Attributes, ErasureRequest, Reason, Rejected, Row, Value, Verdicts, microseconds
from analytics.ingest.words import Words, checked_duration_ms
from analytics.retention import RETENTION_MONTHS, months_before
from analytics.vocabulary import Category
from privacy.switches import DeploymentType, parse_deployment_type

# Looked up once: the members of an enumeration are not plain attributes of it.
ENDPOINT_USAGE, USER_ACTIVITY = Category.ENDPOINT_USAGE, Category.USER_ACTIVITY
USER_ID, ORGANIZATION_ID = vocabulary.USER_ID, vocabulary.ORGANIZATION_ID
CLOCK_SKEW = timedelta(minutes=10)
NO_TRACE_ID, NO_SPAN_ID = bytes(16), bytes(8)
VERSION_AND_VARIANT = 8 << 76 | 0b10 << 62
HASHED_BITS = (1 << 80) - 1 & ~(0xF << 76 | 0b11 << 62)
# A UUID with or without its hyphens, or the 16 digits older clients send.
PSEUDONYM = re.compile(r"[0-9a-fA-F]{8}(-?)(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{16}")

REMEMBERED_PSEUDONYMS = 65_536
# Pseudonyms as they are written -> as they are stored; emptied when full. Nothing longer than 36 characters is one.
_known: dict[Value, bytes] = {}


def verdicts(spans: Spans, *, now: datetime, own: DeploymentType) -> Verdicts:
    """Judge every span of a request by itself. `own` is the deployment type of spans that name none.

    Raises DecodeError if `spans` does.
    """
    found = Verdicts()
    rows = found.rows
    window_us = microseconds(months_before(now, RETENTION_MONTHS)), microseconds(now + CLOCK_SKEW)
    for resource, of_resource in spans:
        deployment = _deployment(resource, own)
        for span, identities, words in of_resource:
            found.received += 1
            try:
                category, row = _row(span, identities, words, deployment, window_us)
            except Rejected as rejected:
                found.rejected[rejected.reason] += 1
                continue
            if isinstance(row, ErasureRequest):
                found.erasures.append(row)
            else:
                rows[category].append(row)
    return found


def _row(
    span: Any, identities: Attributes, words: Words | None, deployment: str | None, window_us: tuple[int, int]
) -> tuple[Category, Row | ErasureRequest]:
    if words is None:
        raise Rejected(Reason.TOO_LARGE)
    category, is_stock, is_erasure, reason, columns, said_ms, metadata = words
    user_word = identities.get(USER_ID)
    if category is None or (is_stock and user_word is None):
        raise Rejected(Reason.NOT_TELEMETRY)
    user_id = _known.get(user_word) or _pseudonym(user_word, Reason.BAD_USER)
    if user_id is None:
        raise Rejected(Reason.BAD_USER)
    organization_word = identities.get(ORGANIZATION_ID)
    organization_id = _known.get(organization_word) or _pseudonym(organization_word, Reason.BAD_ORGANIZATION)
    if deployment is None:
        raise Rejected(Reason.BAD_DEPLOYMENT)
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    if is_erasure:
        return category, _erasure_request(span, user_id, window_us[1])
    timestamp_us = _timestamp_us(start_ns, end_ns, *window_us)
    row_id = _row_id(start_ns, span.trace_id, span.span_id)
    if reason is not None:
        raise Rejected(reason)
    if category is ENDPOINT_USAGE:
        columns = (*columns, checked_duration_ms((end_ns - start_ns) / 1e6) if said_ms is None else said_ms)
    elif category is USER_ACTIVITY:
        columns = (*columns, _session(identities.get(vocabulary.SESSION_ID)))
    return category, (timestamp_us, row_id, user_id, organization_id, deployment, metadata, *columns)


def _erasure_request(span: Any, user_id: bytes, newest_us: int) -> ErasureRequest:
    """However wrong the sender's clock: a request that was refused would count as taken, and never be sent again."""
    start_ns = span.start_time_unix_nano
    if start_ns == 0:
        raise Rejected(Reason.BAD_TIMESTAMP)
    return ErasureRequest(_row_id(start_ns, span.trace_id, span.span_id), user_id, min(start_ns // 1000, newest_us))


def _deployment(resource: Attributes, own: DeploymentType) -> str | None:
    word = resource.get(vocabulary.DEPLOYMENT_TYPE, own.value)
    parsed = parse_deployment_type(word) if isinstance(word, str) else None
    return None if parsed is None else parsed.value


def _pseudonym(word: Value, reason: Reason) -> bytes | None:
    """16 bytes; None for no word. Rejected is one that is no pseudonym, and the one that is all zero."""
    if word is None:
        return None
    if not isinstance(word, str) or not PSEUDONYM.fullmatch(word):
        raise Rejected(reason)
    parsed = bytes.fromhex(word.replace("-", "")).rjust(16, b"\0")
    if not any(parsed):
        raise Rejected(reason)
    if len(_known) >= REMEMBERED_PSEUDONYMS:
        _known.clear()
    _known[word] = parsed
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


def _row_id(start_ns: int, trace_id: bytes, span_id: bytes) -> bytes:
    """In time order, and the same for the same span: 48 bits of milliseconds, then a hash of trace and span id.

    Laid out as RFC 9562's version 8, which is for just that.
    """
    if len(trace_id) != 16 or len(span_id) != 8 or trace_id == NO_TRACE_ID or span_id == NO_SPAN_ID:
        raise Rejected(Reason.BAD_SPAN_ID)
    hashed = int.from_bytes(blake2b(trace_id + span_id, digest_size=10).digest(), "big")
    return (start_ns // 1_000_000 << 80 | hashed & HASHED_BITS | VERSION_AND_VARIANT).to_bytes(16, "big")


def _session(word: Value) -> str | None:
    """As a UUID is written."""
    pseudonym = _pseudonym(word, Reason.BAD_SESSION)
    if pseudonym is None:
        return None
    digits = pseudonym.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
