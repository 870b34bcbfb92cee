"""Span -> row or a named reason. The steps of `_row` read from top to bottom; each keeps, or rejects with its reason.

Understands this project's own spans (design, section 5), what older Rhesis clients send, and stock OpenTelemetry HTTP
server spans of any language that carry `user.id`.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics import vocabulary as words
from analytics.catalogue import Catalogue, Event, FieldType
from analytics.exceptions import InvalidValue, UndeclaredEvent
from analytics.ingest.verdicts import ErasureRequest, Reason, Row, Verdicts
from analytics.retention import RETENTION_MONTHS, months_before
from analytics.vocabulary import Category
from privacy.switches import DeploymentType, parse_deployment_type

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=10)
MAXIMUM_ATTRIBUTES = 128  # the specification's default limit; ours have some ten
LONGEST_ROUTE = 512
LONGEST_DURATION_MS = 24 * 3600 * 1000.0
REQUEST = "request"
CATEGORIES = frozenset(category.value for category in Category)

Value = str | int | float | bool | None
Attributes = Mapping[str, Value]


class _Rejected(Exception):
    """Leaves the steps with a reason."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def verdicts(
    request: ExportTraceServiceRequest, catalogue: Catalogue, *, now: datetime, own: DeploymentType
) -> Verdicts:
    """Judge every span of a request by itself. `own` is the deployment type of spans that name none."""
    found = Verdicts()
    oldest = months_before(now, RETENTION_MONTHS)
    for resource_spans in request.resource_spans:
        deployment = _deployment(_attributes(resource_spans.resource.attributes), own)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                found.received += 1
                try:
                    category, row = _row(span, deployment, catalogue, oldest, now + CLOCK_SKEW)
                except _Rejected as rejected:
                    found.rejected[rejected.reason] += 1
                    continue
                if isinstance(row, ErasureRequest):
                    found.erasures.append(row)
                else:
                    found.rows[category].append(row)
    return found


def _row(
    span: Span, deployment: DeploymentType | None, catalogue: Catalogue, oldest: datetime, newest: datetime
) -> tuple[Category, Row | ErasureRequest]:
    if len(span.attributes) > MAXIMUM_ATTRIBUTES:
        raise _Rejected(Reason.TOO_LARGE)
    attributes = _attributes(span.attributes)
    category = _category(attributes)
    user_id = _pseudonym(attributes.get(words.USER_ID), Reason.BAD_USER)
    if user_id is None:
        raise _Rejected(Reason.BAD_USER)
    organization_id = _pseudonym(attributes.get(words.ORGANIZATION_ID), Reason.BAD_ORGANIZATION)
    if deployment is None:
        raise _Rejected(Reason.BAD_DEPLOYMENT)
    timestamp = _timestamp(span, oldest, newest)
    row_id = _row_id(span)
    if category is Category.USER_ACTIVITY and attributes.get(words.EVENT_TYPE) == words.ERASURE_REQUESTED:
        return category, ErasureRequest(row_id, user_id, timestamp)
    event, own_columns = _own_columns(category, span, attributes, catalogue)
    metadata = _metadata(attributes, event)
    return category, (timestamp, row_id, user_id, organization_id, deployment.value, metadata, *own_columns)


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    """Scalars as they are; arrays, maps and bytes, which none of ours has, as None. A repeated key counts once."""
    found: dict[str, Value] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        match kind:
            case "string_value":
                found[pair.key] = pair.value.string_value
            case "int_value":
                found[pair.key] = pair.value.int_value
            case "double_value":
                found[pair.key] = pair.value.double_value
            case "bool_value":
                found[pair.key] = pair.value.bool_value
            case _:
                found[pair.key] = None
    return found


def _deployment(resource: Attributes, own: DeploymentType) -> DeploymentType | None:
    word = resource.get(words.DEPLOYMENT_TYPE, own.value)
    return parse_deployment_type(word) if isinstance(word, str) else None


def _category(attributes: Attributes) -> Category:
    word = attributes.get(words.EVENT_CATEGORY)
    if isinstance(word, str) and word in CATEGORIES:
        return Category(word)
    if word is None and words.USER_ID in attributes and _first(attributes, words.HTTP_METHOD, words.LEGACY_HTTP_METHOD):
        return Category.ENDPOINT_USAGE
    raise _Rejected(Reason.NOT_TELEMETRY)


@lru_cache(maxsize=65_536)
def _parsed_pseudonym(word: str) -> UUID | None:
    """A UUID, or the 16 hexadecimal digits older clients send; None for anything else."""
    if len(word) not in {16, 32, 36} or not word.isascii():
        return None
    try:
        return UUID(int=int(word, 16)) if len(word) == 16 else UUID(word)
    except ValueError:
        return None


def _pseudonym(word: Value, reason: Reason) -> UUID | None:
    if word is None:
        return None
    parsed = _parsed_pseudonym(word) if isinstance(word, str) else None
    if parsed is None or parsed.int == 0:
        raise _Rejected(reason)
    return parsed


def _timestamp(span: Span, oldest: datetime, newest: datetime) -> datetime:
    # A year that datetime cannot hold is in the future, too.
    if span.start_time_unix_nano == 0 or 0 < span.end_time_unix_nano < span.start_time_unix_nano:
        raise _Rejected(Reason.BAD_TIMESTAMP)
    if span.start_time_unix_nano > (newest - EPOCH) // timedelta(microseconds=1) * 1000:
        raise _Rejected(Reason.IN_FUTURE)
    timestamp = EPOCH + timedelta(microseconds=span.start_time_unix_nano // 1000)
    if timestamp < oldest:
        raise _Rejected(Reason.TOO_OLD)
    return timestamp


def _row_id(span: Span) -> UUID:
    """In time order, and the same for the same span: 48 bits of milliseconds, then a hash of trace and span id.

    Laid out as RFC 9562's version 8, which is for just that.
    """
    if len(span.trace_id) != 16 or len(span.span_id) != 8 or not any(span.trace_id) or not any(span.span_id):
        raise _Rejected(Reason.BAD_SPAN_ID)
    hashed = hashlib.blake2b(span.trace_id + span.span_id, digest_size=10).digest()
    milliseconds = (span.start_time_unix_nano // 1_000_000) & 0xFFFFFFFFFFFF
    value = int.from_bytes(milliseconds.to_bytes(6, "big") + hashed, "big")
    value = value & ~(0xF << 76) | 8 << 76
    return UUID(int=value & ~(0b11 << 62) | 0b10 << 62)


def _own_columns(
    category: Category, span: Span, attributes: Attributes, catalogue: Catalogue
) -> tuple[Event, tuple[Value, ...]]:
    """The columns that only this category's table has, in the order of `verdicts.COLUMNS`."""
    match category:
        case Category.USER_ACTIVITY:
            event_type = attributes.get(words.EVENT_TYPE)
            event = _declared(catalogue, category, event_type)
            return event, (event_type, _session(attributes.get(words.SESSION_ID)))
        case Category.FEATURE_USAGE:
            feature, action = attributes.get(words.FEATURE_NAME), attributes.get(words.FEATURE_ACTION)
            return _declared(catalogue, category, feature, action), (feature, action)
        case Category.ENDPOINT_USAGE:
            return _declared(catalogue, category, REQUEST), _http(span, attributes)


def _declared(catalogue: Catalogue, category: Category, name: Value, action: Value = None) -> Event:
    if not isinstance(name, str) or not isinstance(action, str | None):
        raise _Rejected(Reason.UNDECLARED)
    try:
        return catalogue.event(category, name, action)
    except UndeclaredEvent:
        raise _Rejected(Reason.UNDECLARED) from None


def _session(word: Value) -> str | None:
    pseudonym = _pseudonym(word, Reason.BAD_SESSION)
    return None if pseudonym is None else str(pseudonym)


def _http(span: Span, attributes: Attributes) -> tuple[str, str, int, float]:
    route = attributes.get(words.HTTP_ROUTE, words.UNMATCHED_ROUTE)
    method = _first(attributes, words.HTTP_METHOD, words.LEGACY_HTTP_METHOD)
    status = _whole(_first(attributes, words.HTTP_STATUS_CODE, words.LEGACY_HTTP_STATUS_CODE))
    duration_ms = _number(attributes.get(words.LEGACY_DURATION_MS))
    if duration_ms is None:
        duration_ms = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    if (
        not isinstance(route, str)
        or not 0 < len(route) <= LONGEST_ROUTE
        or not route.isprintable()
        or "?" in route.replace("(?", "")  # a query string; `(?` is a regular expression's
        or not isinstance(method, str)
        or status is None
        or not 100 <= status <= 599
        or not math.isfinite(duration_ms)
        or not 0 <= duration_ms <= LONGEST_DURATION_MS
    ):
        raise _Rejected(Reason.BAD_HTTP)
    return route, method if method in words.KNOWN_METHODS else words.OTHER_METHOD, status, duration_ms


def _metadata(attributes: Attributes, event: Event) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in attributes.items():
        if not name.startswith(words.METADATA_PREFIX):
            continue
        try:
            field = event.field(name.removeprefix(words.METADATA_PREFIX))
            found[field.name] = field.checked(_NUMBERS.get(field.type, _same)(value))
        except UndeclaredEvent:
            raise _Rejected(Reason.UNDECLARED) from None
        except InvalidValue:
            raise _Rejected(Reason.BAD_METADATA) from None
    return found


def _first(attributes: Attributes, *names: str) -> Value:
    return next((attributes[name] for name in names if name in attributes), None)


def _whole(value: Value) -> int | None:
    """Older clients send numbers as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Value) -> float | None:
    if isinstance(value, str) and len(value) < 32:
        try:
            return float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _same(value: Value) -> Value:
    return value


_NUMBERS: dict[FieldType, Callable[[Value], Value]] = {FieldType.INTEGER: _whole, FieldType.NUMBER: _number}
