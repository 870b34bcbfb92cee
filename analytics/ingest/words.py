"""What a span says besides who, when and which: judged by its attributes alone, so it is the same for equal ones.

That is most of the work, and most spans repeat what others said; `fast` remembers it.
"""

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import orjson

from analytics import vocabulary as words
from analytics.catalogue import Catalogue, Event, FieldType
from analytics.exceptions import InvalidValue, UndeclaredEvent
from analytics.ingest.verdicts import Attributes, Reason, Rejected, Value
from analytics.vocabulary import Category

LONGEST_ROUTE = 512
LONGEST_DURATION_MS = 24 * 3600 * 1000.0
LONGEST_NUMBER = 32  # characters of a number that came as text
REQUEST = "request"
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


def words_of(attributes: Attributes, catalogue: Catalogue) -> Words:
    """Of a span with these attributes; those of `vocabulary.IDENTITIES` are not looked at."""
    category, is_stock = _category(attributes)
    if category is None:
        return Words()
    event_type = attributes.get(words.EVENT_TYPE)
    if category is Category.USER_ACTIVITY and event_type == words.ERASURE_REQUESTED:
        return Words(category, is_erasure=True)
    columns: tuple[str | int, ...]
    duration_ms = None
    try:
        if category is Category.USER_ACTIVITY:
            event, columns = _declared(catalogue, category, event_type)
        elif category is Category.FEATURE_USAGE:
            feature, action = attributes.get(words.FEATURE_NAME), attributes.get(words.FEATURE_ACTION)
            event, columns = _declared(catalogue, category, feature, action)
        else:
            (event, _), columns = _declared(catalogue, category, REQUEST), _http(attributes)
            duration_ms = _said_duration_ms(attributes)
        metadata = _metadata(attributes, event)
        return Words(category, is_stock, columns=columns, duration_ms=duration_ms, metadata=metadata)
    except Rejected as rejected:
        return Words(category, is_stock, reason=rejected.reason)


def checked_duration_ms(value: float) -> float:
    """Raises Rejected for one that no request took."""
    if not math.isfinite(value) or not 0 <= value <= LONGEST_DURATION_MS:
        raise Rejected(Reason.BAD_HTTP)
    return value


def _category(attributes: Attributes) -> tuple[Category | None, bool]:
    """And whether it was told by the attributes of HTTP."""
    word = attributes.get(words.EVENT_CATEGORY)
    if word is None and _either(attributes, words.HTTP_METHOD, words.LEGACY_HTTP_METHOD) is not None:
        return Category.ENDPOINT_USAGE, True
    return (CATEGORIES.get(word) if isinstance(word, str) else None), False


def _declared(
    catalogue: Catalogue, category: Category, name: Value, action: Value = None
) -> tuple[Event, tuple[str, ...]]:
    """The event, and the names that it goes by."""
    if not isinstance(name, str) or not isinstance(action, str | None):
        raise Rejected(Reason.UNDECLARED)
    try:
        return catalogue.event(category, name, action), (name,) if action is None else (name, action)
    except UndeclaredEvent:
        raise Rejected(Reason.UNDECLARED) from None


def _http(attributes: Attributes) -> tuple[str, str, int]:
    route = attributes.get(words.HTTP_ROUTE, words.UNMATCHED_ROUTE)
    method = _either(attributes, words.HTTP_METHOD, words.LEGACY_HTTP_METHOD)
    status = _whole(_either(attributes, words.HTTP_STATUS_CODE, words.LEGACY_HTTP_STATUS_CODE))
    if (
        not isinstance(route, str)
        or not 0 < len(route) <= LONGEST_ROUTE
        or not route.isprintable()
        or "?" in route.replace("(?", "")  # a query string; `(?` is a regular expression's
        or not isinstance(method, str)
        or status is None
        or not 100 <= status <= 599
    ):
        raise Rejected(Reason.BAD_HTTP)
    return route, method if method in words.KNOWN_METHODS else words.OTHER_METHOD, status


def _said_duration_ms(attributes: Attributes) -> float | None:
    said = attributes.get(words.LEGACY_DURATION_MS)
    if said is None:
        return None
    number = _number(said)
    if number is None:
        raise Rejected(Reason.BAD_HTTP)
    return checked_duration_ms(number)


def _metadata(attributes: Attributes, event: Event) -> bytes:
    """As JSON."""
    found: dict[str, Value] = {}
    for name, value in attributes.items():
        if not name.startswith(words.METADATA_PREFIX):
            continue
        try:
            field = event.field(name.removeprefix(words.METADATA_PREFIX))
            found[field.name] = field.checked(_NUMBERS.get(field.type, _same)(value))
        except UndeclaredEvent:
            raise Rejected(Reason.UNDECLARED) from None
        except InvalidValue:
            raise Rejected(Reason.BAD_METADATA) from None
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
