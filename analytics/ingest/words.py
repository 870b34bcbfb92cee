"""What a span says besides who, when and which: judged by its attributes alone, so it is the same for equal ones.

That is most of the work, and most spans repeat what others said; `fast` remembers it.
"""

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import orjson
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics import vocabulary as words
from analytics.catalogue import Catalogue, Event, FieldType
from analytics.exceptions import ExpiredEvent, InvalidValue, UndeclaredEvent
from analytics.ingest.verdicts import Attributes, Part, Reason, Rejected, Value
from analytics.routes import LONGEST_ROUTE, IsQuery, canonical
from analytics.routes.project import project_routes
from analytics.vocabulary import LARGEST_INTEGER, Category

LONGEST_DURATION_MS = 24 * 3600 * 1000.0
LONGEST_NUMBER = 32  # characters of a number that came as text
REQUEST = "request"
# Kinds that endpoint usage may have where the span names its category: older clients send INTERNAL.
OWN_KINDS = frozenset({Span.SPAN_KIND_UNSPECIFIED, Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_SERVER})
CATEGORIES = {category.value: category for category in Category}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Words(NamedTuple):
    """Of one span. `columns` are those that only its category's table has, less session and duration."""

    category: Category | None = None  # None: it is not telemetry
    is_stock: bool = False  # it has no category, and is telemetry only if it has a user
    is_erasure: bool = False
    reason: Reason | None = None  # why it cannot be a row, whoever's it is
    columns: tuple[str | int, ...] = ()
    duration_ms: float | None = None  # of older clients, which say it in words
    metadata: bytes = b"{}"  # JSON
    dropped: tuple[Part, ...] = ()  # what it is stored without


def words_of(attributes: Attributes, catalogue: Catalogue, *, kind: int, is_error: bool) -> Words:
    """Of a span with these attributes; those of `vocabulary.IDENTITIES` are not looked at.

    `kind` is the span's, `is_error` whether its status is ERROR.
    """
    category, is_stock = _category(attributes, kind)
    if category is None:
        return Words()
    event_type = attributes.get(words.EVENT_TYPE)
    if category is Category.USER_ACTIVITY and event_type == words.ERASURE_REQUESTED:
        return Words(category, is_erasure=True)
    columns: tuple[str | int, ...]
    duration_ms = None
    dropped: list[Part] = []
    try:
        if category is Category.USER_ACTIVITY:
            event, columns = _declared(catalogue, category, event_type)
        elif category is Category.FEATURE_USAGE:
            feature, action = attributes.get(words.FEATURE_NAME), attributes.get(words.FEATURE_ACTION)
            event, columns = _declared(catalogue, category, feature, action)
        else:
            event, _ = _declared(catalogue, category, REQUEST)
            columns = _http(attributes, catalogue, is_error, dropped)
            duration_ms = _said_duration_ms(attributes)
        metadata = _metadata(attributes, event, dropped)
        return Words(
            category, is_stock, columns=columns, duration_ms=duration_ms, metadata=metadata, dropped=tuple(dropped)
        )
    except Rejected as rejected:
        return Words(category, is_stock, reason=rejected.reason)


def checked_duration_ms(value: float) -> float:
    """Raises Rejected for one that no request took."""
    if not math.isfinite(value) or not 0 <= value <= LONGEST_DURATION_MS:
        raise Rejected(Reason.BAD_HTTP)
    return value


def _category(attributes: Attributes, kind: int) -> tuple[Category | None, bool]:
    """And whether it was told by the attributes of HTTP: only a server's span is usage of an endpoint."""
    word = attributes.get(words.EVENT_CATEGORY)
    if word is None:
        is_http = _either(attributes, words.HTTP_METHOD, words.LEGACY_HTTP_METHOD) is not None
        return (Category.ENDPOINT_USAGE if is_http and kind == Span.SPAN_KIND_SERVER else None), True
    category = CATEGORIES.get(word) if isinstance(word, str) else None
    return (None if category is Category.ENDPOINT_USAGE and kind not in OWN_KINDS else category), False


def _declared(
    catalogue: Catalogue, category: Category, name: Value, action: Value = None
) -> tuple[Event, tuple[str, ...]]:
    """The event, and the names that it goes by."""
    if not isinstance(name, str) or not isinstance(action, str | None):
        raise Rejected(Reason.UNDECLARED)
    try:
        return catalogue.event(category, name, action), (name,) if action is None else (name, action)
    except ExpiredEvent:
        raise Rejected(Reason.EXPIRED) from None
    except UndeclaredEvent:
        raise Rejected(Reason.UNDECLARED) from None


def _http(attributes: Attributes, catalogue: Catalogue, is_error: bool, dropped: list[Part]) -> tuple[str, str, int]:
    """Route, method and status; what is left out of the route goes to `dropped`."""
    text = attributes.get(words.HTTP_ROUTE, words.UNMATCHED_ROUTE)
    method = _either(attributes, words.HTTP_METHOD, words.LEGACY_HTTP_METHOD)
    if (
        not isinstance(text, str)
        or not 0 < len(text) <= LONGEST_ROUTE
        or not text.isprintable()
        or not isinstance(method, str)
    ):
        raise Rejected(Reason.BAD_HTTP)
    try:
        # Whoever sends it may send a path; only a route of this project's own is known to be none.
        route = canonical(text, trusted=text in project_routes(), declared=catalogue.route_words)
    except IsQuery:
        raise Rejected(Reason.BAD_HTTP) from None
    if route.is_cut:
        dropped.append(Part.ROUTE_TEXT)
    method = method.upper()
    return (
        route.pattern,
        method if method in words.KNOWN_METHODS else words.OTHER_METHOD,
        _status(attributes, is_error),
    )


def _status(attributes: Attributes, is_error: bool) -> int:
    value = _either(attributes, words.HTTP_STATUS_CODE, words.LEGACY_HTTP_STATUS_CODE)
    status = _whole(value)
    if is_error and (value is None or status == words.UNKNOWN_STATUS):
        return words.UNKNOWN_STATUS  # it ended in an exception, and no answer was sent that it could have the code of
    if status is None or not 100 <= status <= 599:
        raise Rejected(Reason.BAD_HTTP)
    return status


def _said_duration_ms(attributes: Attributes) -> float | None:
    said = attributes.get(words.LEGACY_DURATION_MS)
    if said is None:
        return None
    number = _number(said)
    if number is None:
        raise Rejected(Reason.BAD_HTTP)
    return checked_duration_ms(number)


def _metadata(attributes: Attributes, event: Event, dropped: list[Part]) -> bytes:
    """As JSON. Keys that are not declared go to `dropped`: a collector may have taken them off on the way."""
    found: dict[str, Value] = {}
    for name, value in attributes.items():
        if not name.startswith(words.METADATA_PREFIX):
            continue
        field = event.fields.get(name.removeprefix(words.METADATA_PREFIX))
        if field is None:
            dropped.append(Part.METADATA_KEY)
            continue
        try:
            found[field.name] = field.checked(_AS_DECLARED.get(field.type, _same)(value))
        except InvalidValue:
            raise Rejected(Reason.BAD_METADATA) from None
    return orjson.dumps(found)


def _either(attributes: Attributes, name: str, legacy_name: str) -> Value:
    value = attributes.get(name)
    return attributes.get(legacy_name) if value is None else value


def _whole(value: Value) -> int | None:
    """Older clients send numbers as text; languages with one kind of number send a whole one as a float."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_INTEGER:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Value) -> float | None:
    if isinstance(value, str):
        return float(value) if len(value) <= LONGEST_NUMBER and NUMBER.fullmatch(value) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Value) -> Value:
    """Older clients send it as text, in the letters of their language."""
    return _BOOLEANS.get(value, value) if isinstance(value, str) else value


def _same(value: Value) -> Value:
    return value


_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
_AS_DECLARED: dict[FieldType, Callable[[Value], Value]] = {
    FieldType.INTEGER: _whole,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
}
