"""Span -> row or a named reason. The steps of `_row` read from top to bottom; each keeps, or rejects with its reason.

Understands this project's own spans (design, section 5), what older Rhesis clients send, and stock OpenTelemetry HTTP
server spans of any language that carry `user.id`.
"""

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from analytics import vocabulary as words
from analytics.catalogue import Catalogue, Event, FieldType
from analytics.exceptions import InvalidValue, UndeclaredEvent
from analytics.ingest.plain import Spans
from analytics.ingest.verdicts import Attributes, ErasureRequest, Reason, Row, Value, Verdicts, microseconds
from analytics.retention import RETENTION_MONTHS, months_before
from analytics.vocabulary import Category
from privacy.switches import DeploymentType, parse_deployment_type

CLOCK_SKEW = timedelta(minutes=10)
LONGEST_ROUTE = 512
LONGEST_DURATION_MS = 24 * 3600 * 1000.0
LONGEST_NUMBER = 32  # characters of a number that came as text
REQUEST = "request"
NO_TRACE_ID, NO_SPAN_ID = bytes(16), bytes(8)
VERSION_AND_VARIANT = 8 << 76 | 0b10 << 62
HASHED_BITS = (1 << 80) - 1 & ~(0xF << 76 | 0b11 << 62)
CATEGORIES = {category.value: category for category in Category}
# A UUID with or without its hyphens, or the 16 digits older clients send.
PSEUDONYM = re.compile(r"[0-9a-fA-F]{8}(-?)(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{16}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class _Rejected(Exception):
    """Leaves the steps with a reason."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def verdicts(spans: Spans, catalogue: Catalogue, *, now: datetime, own: DeploymentType) -> Verdicts:
    """Judge every span of a request by itself. `own` is the deployment type of spans that name none.

    Raises DecodeError if `spans` does.
    """
    found = Verdicts()
    window = microseconds(months_before(now, RETENTION_MONTHS)), microseconds(now + CLOCK_SKEW)
    for resource, of_resource in spans:
        deployment = _deployment(resource, own)
        for span, attributes in of_resource:
            found.received += 1
            try:
                category, row = _row(span, attributes, deployment, catalogue, window)
            except _Rejected as rejected:
                found.rejected[rejected.reason] += 1
                continue
            if isinstance(row, ErasureRequest):
                found.erasures.append(row)
            else:
                found.rows[category].append(row)
    return found


def _row(
    span: Any,
    attributes: Attributes | None,
    deployment: DeploymentType | None,
    catalogue: Catalogue,
    window_us: tuple[int, int],
) -> tuple[Category, Row | ErasureRequest]:
    if attributes is None:
        raise _Rejected(Reason.TOO_LARGE)
    category = _category(attributes)
    user_id = _pseudonym(attributes.get(words.USER_ID), Reason.BAD_USER)
    if user_id is None:
        raise _Rejected(Reason.BAD_USER)
    organization_id = _pseudonym(attributes.get(words.ORGANIZATION_ID), Reason.BAD_ORGANIZATION)
    if deployment is None:
        raise _Rejected(Reason.BAD_DEPLOYMENT)
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    if category is Category.USER_ACTIVITY and attributes.get(words.EVENT_TYPE) == words.ERASURE_REQUESTED:
        return category, _erasure_request(span, user_id, window_us[1])
    timestamp_us = _timestamp_us(start_ns, end_ns, *window_us)
    row_id = _row_id(start_ns, span.trace_id, span.span_id)
    event, own_columns = _own_columns(category, (end_ns - start_ns) / 1e6, attributes, catalogue)
    metadata = _metadata(attributes, event)
    return category, (timestamp_us, row_id, user_id, organization_id, deployment.value, metadata, *own_columns)


def _erasure_request(span: Any, user_id: bytes, newest_us: int) -> ErasureRequest:
    """However wrong the sender's clock: a request that was refused would count as taken, and never be sent again."""
    start_ns = span.start_time_unix_nano
    if start_ns == 0:
        raise _Rejected(Reason.BAD_TIMESTAMP)
    return ErasureRequest(_row_id(start_ns, span.trace_id, span.span_id), user_id, min(start_ns // 1000, newest_us))


def _deployment(resource: Attributes, own: DeploymentType) -> DeploymentType | None:
    word = resource.get(words.DEPLOYMENT_TYPE, own.value)
    return parse_deployment_type(word) if isinstance(word, str) else None


def _category(attributes: Attributes) -> Category:
    word = attributes.get(words.EVENT_CATEGORY)
    if isinstance(word, str) and word in CATEGORIES:
        return CATEGORIES[word]
    if (
        word is None
        and words.USER_ID in attributes
        and _either(attributes, words.HTTP_METHOD, words.LEGACY_HTTP_METHOD)
    ):
        return Category.ENDPOINT_USAGE
    raise _Rejected(Reason.NOT_TELEMETRY)


@lru_cache(maxsize=65_536)
def _parsed_pseudonym(word: str) -> bytes | None:
    """16 bytes; None for what is no pseudonym, and for the one that is all zero."""
    if not PSEUDONYM.fullmatch(word):
        return None
    parsed = bytes.fromhex(word.replace("-", "")).rjust(16, b"\0")
    return parsed if any(parsed) else None


def _pseudonym(word: Value, reason: Reason) -> bytes | None:
    if word is None:
        return None
    # The length first: what is remembered must be short.
    parsed = _parsed_pseudonym(word) if isinstance(word, str) and len(word) <= 36 else None
    if parsed is None:
        raise _Rejected(reason)
    return parsed


def _timestamp_us(start_ns: int, end_ns: int, oldest_us: int, newest_us: int) -> int:
    if start_ns == 0 or 0 < end_ns < start_ns:
        raise _Rejected(Reason.BAD_TIMESTAMP)
    timestamp_us = start_ns // 1000
    if timestamp_us > newest_us:
        raise _Rejected(Reason.IN_FUTURE)
    if timestamp_us < oldest_us:
        raise _Rejected(Reason.TOO_OLD)
    return timestamp_us


def _row_id(start_ns: int, trace_id: bytes, span_id: bytes) -> bytes:
    """In time order, and the same for the same span: 48 bits of milliseconds, then a hash of trace and span id.

    Laid out as RFC 9562's version 8, which is for just that.
    """
    if len(trace_id) != 16 or len(span_id) != 8 or trace_id == NO_TRACE_ID or span_id == NO_SPAN_ID:
        raise _Rejected(Reason.BAD_SPAN_ID)
    hashed = int.from_bytes(blake2b(trace_id + span_id, digest_size=10).digest(), "big")
    return (start_ns // 1_000_000 << 80 | hashed & HASHED_BITS | VERSION_AND_VARIANT).to_bytes(16, "big")


def _own_columns(
    category: Category, took_ms: float, attributes: Attributes, catalogue: Catalogue
) -> tuple[Event, tuple[Value, ...]]:
    """The columns that only this category's table has, in the order of `verdicts.COLUMNS`."""
    if category is Category.ENDPOINT_USAGE:
        return _declared(catalogue, category, REQUEST), _http(took_ms, attributes)
    if category is Category.FEATURE_USAGE:
        feature, action = attributes.get(words.FEATURE_NAME), attributes.get(words.FEATURE_ACTION)
        return _declared(catalogue, category, feature, action), (feature, action)
    event_type = attributes.get(words.EVENT_TYPE)
    return _declared(catalogue, category, event_type), (event_type, _session(attributes.get(words.SESSION_ID)))


def _declared(catalogue: Catalogue, category: Category, name: Value, action: Value = None) -> Event:
    if not isinstance(name, str) or not isinstance(action, str | None):
        raise _Rejected(Reason.UNDECLARED)
    try:
        return catalogue.event(category, name, action)
    except UndeclaredEvent:
        raise _Rejected(Reason.UNDECLARED) from None


def _session(word: Value) -> str | None:
    pseudonym = _pseudonym(word, Reason.BAD_SESSION)
    return None if pseudonym is None else _written(pseudonym)


def _written(pseudonym: bytes) -> str:
    """As a UUID is written."""
    digits = pseudonym.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _http(took_ms: float, attributes: Attributes) -> tuple[str, str, int, float]:
    route = attributes.get(words.HTTP_ROUTE, words.UNMATCHED_ROUTE)
    method = _either(attributes, words.HTTP_METHOD, words.LEGACY_HTTP_METHOD)
    status = _whole(_either(attributes, words.HTTP_STATUS_CODE, words.LEGACY_HTTP_STATUS_CODE))
    said_ms = attributes.get(words.LEGACY_DURATION_MS)
    duration_ms = took_ms if said_ms is None else _number(said_ms)
    if (
        not isinstance(route, str)
        or not 0 < len(route) <= LONGEST_ROUTE
        or not _is_pattern(route)
        or not isinstance(method, str)
        or status is None
        or not 100 <= status <= 599
        or duration_ms is None
        or not math.isfinite(duration_ms)
        or not 0 <= duration_ms <= LONGEST_DURATION_MS
    ):
        raise _Rejected(Reason.BAD_HTTP)
    return route, method if method in words.KNOWN_METHODS else words.OTHER_METHOD, status, duration_ms


@lru_cache(maxsize=4096)
def _is_pattern(route: str) -> bool:
    # `?` begins a query string, but after a parenthesis it is a regular expression's.
    return route.isprintable() and "?" not in route.replace("(?", "")


def _metadata(attributes: Attributes, event: Event) -> bytes:
    """As JSON."""
    names = [name for name in attributes if name.startswith(words.METADATA_PREFIX)]
    if not names:
        return b"{}"
    found: dict[str, Value] = {}
    for name in names:
        try:
            field = event.field(name.removeprefix(words.METADATA_PREFIX))
            found[field.name] = field.checked(_NUMBERS.get(field.type, _same)(attributes[name]))
        except UndeclaredEvent:
            raise _Rejected(Reason.UNDECLARED) from None
        except InvalidValue:
            raise _Rejected(Reason.BAD_METADATA) from None
    return orjson.dumps(found)


def _either(attributes: Attributes, name: str, legacy_name: str) -> Value:
    value = attributes.get(name)
    return attributes.get(legacy_name) if value is None else value


def _whole(value: Value) -> int | None:
    """Older clients send numbers as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Value) -> float | None:
    if isinstance(value, str):
        return float(value) if len(value) <= LONGEST_NUMBER and NUMBER.fullmatch(value) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _same(value: Value) -> Value:
    return value


_NUMBERS: dict[FieldType, Callable[[Value], Value]] = {FieldType.INTEGER: _whole, FieldType.NUMBER: _number}
