"""The three kinds of event: their attributes on the wire, their columns in the database.

Both ends use these classes. The site makes an event from what it measured and puts its `attributes()` on a span; the
processor makes the same event from the span's attributes (`from_attributes`) and stores its `values()`. Ids of people
are no part of an event: they stand beside it on the span, so no event can carry one out.

A new field touches three places: its two lines here, where it is measured (in `collect`), and its column (`models` and
a migration). The Collector's allow-list, COPY and the data dictionary follow from those.
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
# An attribute as it was read: None where it is empty, bytes where it is nothing that a field can be.
Value = Scalar | bytes | None
Attributes = Mapping[str, Value]
Metadata = dict[str, Scalar]
# What the catalogue declares an event under: category, name and, for a feature, the action.
Key = tuple[Category, str, str | None]

REQUEST: Final = "request"  # the one entry of the catalogue for endpoint usage
LARGEST_WHOLE_NUMBER_AS_TEXT = 10**15 - 1


class Sent(NamedTuple):
    """How a field travels, and where it is stored. `older` is the attribute's name in older Rhesis clients."""

    attribute: str
    column: str
    type: str = "varchar"  # PostgreSQL's
    older: str = ""


class _Event:
    """What the three kinds share."""

    __slots__ = ()
    category: ClassVar[Category]
    table: ClassVar[str]
    span_kind: ClassVar[SpanKind] = SpanKind.INTERNAL
    sent: ClassVar[dict[str, Sent]]  # of each field, by its name

    @property
    def key(self) -> Key:
        raise NotImplementedError

    @property
    def span_name(self) -> str:
        return SPAN_NAMES[self.category]

    def attributes(self) -> dict[str, str | int]:
        """The event's own attributes. The category, ids of people and metadata are not among them."""
        return {sent.attribute: getattr(self, name) for name, sent in self.sent.items()}

    def values(self) -> tuple[str | int, ...]:
        """The values of `columns()`, in their order."""
        return tuple(getattr(self, name) for name in self.sent)

    @classmethod
    def columns(cls) -> tuple[tuple[str, str], ...]:
        """Name and PostgreSQL's type of each column that only this kind's table has and that a field fills."""
        return tuple((sent.column, sent.type) for sent in cls.sent.values())

    @classmethod
    def found(cls, attributes: Attributes, field: str) -> Value:
        """The field's value under its attribute's name or, where that is missing, under its older one."""
        sent = cls.sent[field]
        value = attributes.get(sent.attribute)
        return attributes.get(sent.older) if value is None and sent.older else value

    @classmethod
    def text(cls, attributes: Attributes, field: str) -> str:
        """As `found`. Raises MalformedEvent for a value that is missing or not text."""
        value = cls.found(attributes, field)
        if not isinstance(value, str):
            raise MalformedEvent(field)
        return value


@dataclass(frozen=True, slots=True)
class Activity(_Event):
    """Something a person did, such as signing in."""

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

    `route` is a URL pattern as a framework writes it, or UNMATCHED_ROUTE; both ends make it a route of the grammar
    before they send or store it. `status_code` is UNKNOWN_STATUS where an exception came before a status.
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
        """`failed`: whether the span's status is ERROR, which excuses a missing status code.

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


def known_method(method: str | None) -> str:
    """The method in capitals, or OTHER_METHOD."""
    upper = method.upper() if method else ""
    return upper if upper in KNOWN_METHODS else OTHER_METHOD


def whole_number(value: Value) -> int | None:
    """A whole number as clients send it: older ones as text, languages with one type of number as a float."""
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
