"""The three event types, with their attributes on spans and their columns in the database.

Both ends use these classes. The site builds an event from what it measured and puts its `attributes()` on a span. The
processor rebuilds it from the span's attributes (`from_attributes`) and stores its `values()`. An event holds no ids of
people; those are separate attributes of the span.

A new field needs three changes: its two lines here, its measurement (in `collect`), and its column (`models` and a
migration). The Collector's allow-list, COPY and the data dictionary are derived from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, Self

from opentelemetry.trace import SpanKind

from analytics.exceptions import MalformedEvent
from analytics.vocabulary import (
    KNOWN_METHODS,
    LARGEST_INTEGER,
    OTHER_METHOD,
    SPAN_NAMES,
    UNKNOWN_STATUS,
    UNMATCHED_ROUTE,
    Category,
)
from privacy.kinds import digits

Scalar = str | int | float | bool
# Decoded value of an attribute: None if empty, bytes if of an unsupported type.
Value = Scalar | bytes | None
Attributes = Mapping[str, Value]
Metadata = dict[str, Scalar]
# Key of an event in the catalogue: category, name and, for a feature, the action.
Key = tuple[Category, str, str | None]

REQUEST: Final = "request"  # the catalogue's only name in endpoint usage
LARGEST_WHOLE_NUMBER_AS_TEXT = 10**15 - 1


class Sent(NamedTuple):
    """Attribute and column of a field. `older` is the attribute's name in older Rhesis clients."""

    attribute: str
    column: str
    type: str = "varchar"  # PostgreSQL's
    older: str = ""


class _Event:
    """Base class of the three event types."""

    __slots__ = ()
    category: ClassVar[Category]
    table: ClassVar[str]
    span_kind: ClassVar[SpanKind] = SpanKind.INTERNAL
    sent: ClassVar[dict[str, Sent]]  # by field name

    @property
    def key(self) -> Key:
        raise NotImplementedError

    @property
    def span_name(self) -> str:
        return SPAN_NAMES[self.category]

    def attributes(self) -> dict[str, str | int]:
        """The event's own attributes, without category, ids of people and metadata."""
        return {sent.attribute: getattr(self, name) for name, sent in self.sent.items()}

    def values(self) -> tuple[str | int, ...]:
        """The values of `columns()`, in their order."""
        return tuple(getattr(self, name) for name in self.sent)

    @classmethod
    def columns(cls) -> tuple[tuple[str, str], ...]:
        """Name and PostgreSQL type of each column that a field of this event type fills."""
        return tuple((sent.column, sent.type) for sent in cls.sent.values())

    @classmethod
    def found(cls, attributes: Attributes, field: str) -> Value:
        """The field's value under its attribute's name, else under its older name."""
        sent = cls.sent[field]
        value = attributes.get(sent.attribute)
        return attributes.get(sent.older) if value is None and sent.older else value

    @classmethod
    def text(cls, attributes: Attributes, field: str) -> str:
        """The field's value as text. Raises MalformedEvent if it is missing or not text."""
        value = cls.found(attributes, field)
        if not isinstance(value, str):
            raise MalformedEvent(field)
        return value


@dataclass(frozen=True, slots=True)
class Activity(_Event):
    """A person's action on their account, such as signing in."""

    category = Category.USER_ACTIVITY
    table = "analytics_user_activity"
    sent = {"event_type": Sent("event.type", "event_type")}

    event_type: str

    @property
    def key(self) -> Key:
        return self.category, self.event_type, None

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """Raises MalformedEvent for a missing event type, or one that is not text."""
        return cls(cls.text(attributes, "event_type"))


@dataclass(frozen=True, slots=True)
class FeatureUse(_Event):
    """One use of a feature."""

    category = Category.FEATURE_USAGE
    table = "analytics_feature_usage"
    sent = {"feature": Sent("feature.name", "feature_name"), "action": Sent("feature.action", "action")}

    feature: str
    action: str

    @property
    def key(self) -> Key:
        return self.category, self.feature, self.action

    @classmethod
    def from_attributes(cls, attributes: Attributes) -> Self:
        """Raises MalformedEvent for a missing name or action, or one that is not text."""
        return cls(cls.text(attributes, "feature"), cls.text(attributes, "action"))


@dataclass(frozen=True, slots=True)
class Request(_Event):
    """One answered request. Its duration is the span's.

    `route` is a URL pattern in a framework's notation, or UNMATCHED_ROUTE; `analytics.routes` normalizes it before it
    is sent or stored. `status_code` is UNKNOWN_STATUS if an exception came before a status.
    """

    category = Category.ENDPOINT_USAGE
    table = "analytics_endpoint_usage"
    span_kind = SpanKind.SERVER
    sent = {
        "method": Sent("http.request.method", "method", older="http.method"),
        "route": Sent("http.route", "endpoint"),
        "status_code": Sent("http.response.status_code", "status_code", "int4", older="http.status_code"),
    }

    method: str
    route: str
    status_code: int

    @property
    def key(self) -> Key:
        return self.category, REQUEST, None

    @classmethod
    def from_attributes(cls, attributes: Attributes, *, failed: bool = False) -> Self:
        """The event of a span. `failed`: the span's status is ERROR, which allows a missing status code.

        Raises MalformedEvent for a missing or unusable method or status code, and for a route that is not text.
        """
        route = attributes.get(cls.sent["route"].attribute, UNMATCHED_ROUTE)
        if not isinstance(route, str):
            raise MalformedEvent("route")
        return cls(
            known_method(cls.text(attributes, "method")),
            route,
            _status_code(cls.found(attributes, "status_code"), failed=failed),
        )


Event = Activity | FeatureUse | Request
EVENTS: dict[Category, type[Event]] = {kind.category: kind for kind in (Activity, Request, FeatureUse)}
_SENT = [sent for kind in EVENTS.values() for sent in kind.sent.values()]
# Names of all their attributes, the older ones last.
ATTRIBUTE_NAMES = (*(sent.attribute for sent in _SENT), *(sent.older for sent in _SENT if sent.older))


def known_method(method: str | None) -> str:
    """The method in upper case, or OTHER_METHOD if unknown."""
    upper = method.upper() if method else ""
    return upper if upper in KNOWN_METHODS else OTHER_METHOD


def whole_number(value: Value) -> int | None:
    """The whole number that a client sent, as text (older clients), float or integer; None for anything else."""
    if isinstance(value, str):
        return digits(value, 0, LARGEST_WHOLE_NUMBER_AS_TEXT)
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_INTEGER:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _status_code(value: Value, *, failed: bool) -> int:
    status = whole_number(value)
    if failed and (value is None or status == UNKNOWN_STATUS):
        return UNKNOWN_STATUS
    if status is None or not 100 <= status <= 599:
        raise MalformedEvent("status_code")
    return status
