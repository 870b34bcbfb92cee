"""Checks a span's attributes against the catalogue: the event, without person, time and duration.

Equal attributes have equal results. This check is most of the work per span, so `fast` caches its results.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import orjson
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics import vocabulary
from analytics.catalogue import Catalogue, Declaration, FieldType
from analytics.events import EVENTS, REQUEST, Activity, Attributes, Event, Metadata, Request, Value, whole_number
from analytics.exceptions import ExpiredEvent, InvalidValue, MalformedEvent, UndeclaredEvent
from analytics.ingest import copy
from analytics.ingest.verdict import Part, Reason, Rejected
from analytics.routes import LONGEST_ROUTE, IsQuery, canonical
from analytics.routes.project import project_routes
from analytics.vocabulary import Category

LONGEST_DURATION_MS = 24 * 3600 * 1000.0
LONGEST_NUMBER = 32  # characters of a number that came as text
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Span kinds allowed for endpoint usage that names its category. Older clients send INTERNAL.
OWN_KINDS = frozenset({Span.SPAN_KIND_UNSPECIFIED, Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_SERVER})
CATEGORIES = {category.value: category for category in Category}
MANY_VALUED = frozenset({FieldType.NUMBER, FieldType.PSEUDONYM})


@dataclass(frozen=True, slots=True)
class Content:
    """Result for one span. `tail` is the end of its row, see `copy.tail`."""

    category: Category | None = None  # None: the span is not telemetry
    is_stock: bool = False  # without a category; telemetry only if the span has a user
    is_erasure: bool = False
    is_doctors: bool = False  # the doctor's test span, which is no telemetry
    secret: Value = None  # ERASURE_SECRET as sent, for an erasure
    reason: Reason | None = None  # why no such span can be a row
    tail: bytes = b""
    dropped: tuple[Part, ...] = ()  # parts that are not stored
    comes_again: bool = False  # worth caching: stored unchanged, attributes of low cardinality


def content_of(attributes: Attributes, catalogue: Catalogue, *, kind: int, failed: bool) -> Content:
    """Check the attributes of a span; pseudonyms and LEGACY_DURATION_MS have no effect.

    `kind` is the span's kind; `failed` means that its status is ERROR.
    """
    category, is_stock = _category(attributes, kind)
    if attributes.get(vocabulary.EVENT_CATEGORY) == vocabulary.DOCTOR_SPAN:
        return Content(is_doctors=True)
    if category is None:
        return Content()
    if category is Category.USER_ACTIVITY and Activity.found(attributes, "event_type") == vocabulary.ERASURE_REQUESTED:
        return Content(category, is_erasure=True, secret=attributes.get(vocabulary.ERASURE_SECRET))
    dropped: list[Part] = []
    try:
        event, declaration = _event(attributes, catalogue, category, failed, dropped)
        metadata = _metadata(attributes, declaration, dropped)
    except Rejected as rejected:
        return Content(category, is_stock, reason=rejected.reason)
    values = event.values()
    comes_again = (
        not dropped
        and vocabulary.OTHER_METHOD not in values
        and vocabulary.UNKNOWN_STATUS not in values  # depends on `failed`, too
        and not any(declaration.fields[name].type in MANY_VALUED for name in metadata)
    )
    tail = copy.tail(orjson.dumps(metadata, option=orjson.OPT_SORT_KEYS), values)
    return Content(category, is_stock, tail=tail, dropped=tuple(dropped), comes_again=comes_again)


def checked_duration_ms(value: float) -> float:
    """Return the duration. Raises Rejected if it is negative, not finite, or longer than a day."""
    if not math.isfinite(value) or not 0 <= value <= LONGEST_DURATION_MS:
        raise Rejected(Reason.BAD_HTTP)
    return value


def sent_duration_ms(value: Value) -> float:
    """Parse the value of LEGACY_DURATION_MS. Raises Rejected."""
    number = _number(value)
    if number is None:
        raise Rejected(Reason.BAD_HTTP)
    return checked_duration_ms(number)


def _category(attributes: Attributes, kind: int) -> tuple[Category | None, bool]:
    """Return the category, and whether the span is a stock one. Of stock spans only a server's is endpoint usage."""
    name = attributes.get(vocabulary.EVENT_CATEGORY)
    if name is None:
        is_request = Request.found(attributes, "method") is not None and kind == Span.SPAN_KIND_SERVER
        return (Category.ENDPOINT_USAGE if is_request else None), True
    category = CATEGORIES.get(name) if isinstance(name, str) else None
    return (None if category is Category.ENDPOINT_USAGE and kind not in OWN_KINDS else category), False


def _event(
    attributes: Attributes, catalogue: Catalogue, category: Category, failed: bool, dropped: list[Part]
) -> tuple[Event, Declaration]:
    """Return the event and its declaration; append parts of its route that are not stored to `dropped`."""
    if category is Category.ENDPOINT_USAGE:
        declaration = _declaration(catalogue, category, REQUEST, None)
        return _request(attributes, catalogue, failed, dropped), declaration
    kind = EVENTS[category]
    try:
        event = kind.from_attributes(attributes)
    except MalformedEvent:
        raise Rejected(Reason.UNDECLARED) from None
    return event, _declaration(catalogue, *event.key)


def _declaration(catalogue: Catalogue, category: Category, name: str, action: str | None) -> Declaration:
    try:
        return catalogue.current_declaration(category, name, action)
    except ExpiredEvent:
        raise Rejected(Reason.EXPIRED) from None
    except UndeclaredEvent:
        raise Rejected(Reason.UNDECLARED) from None


def _request(attributes: Attributes, catalogue: Catalogue, failed: bool, dropped: list[Part]) -> Request:
    try:
        request = Request.from_attributes(attributes, failed=failed)
        text = request.route
        if not 0 < len(text) <= LONGEST_ROUTE or not text.isprintable():
            raise Rejected(Reason.BAD_HTTP)
        # Any sender may send a raw path; only a route of this project is surely a pattern.
        route = canonical(text, trusted=text in project_routes(), declared=catalogue.route_words)
    except (MalformedEvent, IsQuery):
        raise Rejected(Reason.BAD_HTTP) from None
    if route.is_cut:
        dropped.append(Part.ROUTE_TEXT)
    return replace(request, route=route.pattern)


def _metadata(attributes: Attributes, declaration: Declaration, dropped: list[Part]) -> Metadata:
    """Return the declared metadata; append undeclared keys to `dropped`, as a collector removes them, too."""
    found: Metadata = {}
    for name, value in attributes.items():
        if not name.startswith(vocabulary.METADATA_PREFIX):
            continue
        field = declaration.fields.get(name.removeprefix(vocabulary.METADATA_PREFIX))
        if field is None:
            dropped.append(Part.METADATA_KEY)
            continue
        try:
            found[field.name] = field.checked(_AS_DECLARED.get(field.type, _same)(value))
        except InvalidValue:
            raise Rejected(Reason.BAD_METADATA) from None
    return found


def _number(value: Value) -> float | None:
    if isinstance(value, str):
        return float(value) if len(value) <= LONGEST_NUMBER and NUMBER.fullmatch(value) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Value) -> Value:
    """Parse a boolean. Older clients send text, with or without a capital."""
    return _BOOLEANS.get(value, value) if isinstance(value, str) else value


def _same(value: Value) -> Value:
    return value


_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
_AS_DECLARED: dict[FieldType, Callable[[Value], Value]] = {
    FieldType.INTEGER: whole_number,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
}
