"""One span of a browser -> a recorded span of the session's person, or a named rejection.

Whatever ids of people a browser writes on a span, nothing here reads them: whose it is, the session says.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Any

from opentelemetry.trace import SpanContext, TraceFlags

from analytics import vocabulary as words
from analytics.catalogue import current_catalogue
from analytics.collect.records import RecordedSpan, Subject
from analytics.collect.relay.bodies import BrowserSpan, Value
from analytics.collect.track import checked_metadata
from analytics.exceptions import InvalidValue, UndeclaredEvent
from analytics.vocabulary import Category

MAXIMUM_ATTRIBUTES = 64  # ours have some ten
SECOND_NS = 1_000_000_000
# The processor would refuse what is further ahead; a browser that knows the site's clock corrects its own.
LARGEST_LEAD_NS = 600 * SECOND_NS
# How long a page may keep what it could not send: a laptop asleep for a day.
LARGEST_AGE_NS = 24 * 3600 * SECOND_NS
SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Rejection(StrEnum):
    """Why a span is not taken; also the reason in the export tally, after `browser_`."""

    UNREADABLE = "unreadable"
    BAD_IDS = "bad_ids"
    BAD_TIME = "bad_time"
    TOO_LARGE = "too_large"
    UNDECLARED = "undeclared"
    NOT_FOR_BROWSERS = "not_for_browsers"
    BAD_METADATA = "bad_metadata"


class Rejected(Exception):
    def __init__(self, rejection: Rejection) -> None:
        self.rejection = rejection


def recorded(span: BrowserSpan | None, subject: Subject, session_key: str | None) -> RecordedSpan:
    """`subject` began when the request came in, by the database's clock. Raises Rejected."""
    if span is None:
        raise Rejected(Rejection.UNREADABLE)
    if len(span.trace_id) != 16 or len(span.span_id) != 8 or not any(span.trace_id) or not any(span.span_id):
        raise Rejected(Rejection.BAD_IDS)
    if not subject.began_ns - LARGEST_AGE_NS <= span.start_ns <= subject.began_ns + LARGEST_LEAD_NS:
        raise Rejected(Rejection.BAD_TIME)
    if len(span.attributes) > MAXIMUM_ATTRIBUTES:
        raise Rejected(Rejection.TOO_LARGE)
    category, what = _what(span.attributes, session_key)
    # Nothing from before consent goes out: an event is as old as it says, and no younger than its request.
    age_ns = max(0, subject.began_ns - span.start_ns)
    return RecordedSpan(
        replace(subject, began_ns=subject.began_ns - age_ns, began_elapsed_ns=subject.began_elapsed_ns - age_ns),
        category,
        what,
        start_ns=span.start_ns,
        end_ns=span.start_ns,
        metadata=_metadata(category, what, span.attributes),
        context=SpanContext(
            int.from_bytes(span.trace_id, "big"),
            int.from_bytes(span.span_id, "big"),
            is_remote=True,
            trace_flags=SAMPLED,
        ),
    )


def _what(attributes: dict[str, Value], session_key: str | None) -> tuple[Category, tuple[Any, ...]]:
    """The category and its own fields, if the catalogue lets browsers send them."""
    action: Value = None
    match attributes.get(words.EVENT_CATEGORY):
        case Category.USER_ACTIVITY.value:
            category, name = Category.USER_ACTIVITY, attributes.get(words.EVENT_TYPE)
            second: Value = session_key
        case Category.FEATURE_USAGE.value:
            category, name = Category.FEATURE_USAGE, attributes.get(words.FEATURE_NAME)
            second = action = attributes.get(words.FEATURE_ACTION)
        case _:
            raise Rejected(Rejection.NOT_FOR_BROWSERS)
    if not isinstance(name, str) or not isinstance(action, str | None):
        raise Rejected(Rejection.UNDECLARED)
    try:
        event = current_catalogue().declared(category, name, action)
    except UndeclaredEvent:
        raise Rejected(Rejection.UNDECLARED) from None
    if not event.browser:
        raise Rejected(Rejection.NOT_FOR_BROWSERS)
    return category, (name, second)


def _metadata(
    category: Category, what: tuple[Any, ...], attributes: dict[str, Value]
) -> dict[str, int | float | bool | str]:
    """Values of the declared metadata keys. Undeclared keys are dropped, as the processor drops them."""
    name, action = what if category is Category.FEATURE_USAGE else (what[0], None)
    declared = current_catalogue().event(category, name, action).fields
    found: dict[str, object] = {
        key: attributes[words.METADATA_PREFIX + key] for key in declared if words.METADATA_PREFIX + key in attributes
    }
    try:
        return checked_metadata(category, what, found)
    except UndeclaredEvent:
        raise Rejected(Rejection.UNDECLARED) from None
    except InvalidValue:
        raise Rejected(Rejection.BAD_METADATA) from None


def undeclared_keys(span: BrowserSpan, taken: RecordedSpan) -> int:
    """How many metadata keys the span has that what is recorded of it is without."""
    return sum(name.startswith(words.METADATA_PREFIX) for name in span.attributes) - len(taken.metadata)
