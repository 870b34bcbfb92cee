"""Turns a browser's span into a recorded span of the session's person, or rejects it with a reason.

Ids of people on a browser's span are never read: the session identifies the person.
"""

from dataclasses import replace
from enum import StrEnum

from opentelemetry.trace import SpanContext, TraceFlags

from analytics import vocabulary
from analytics.catalogue import current_catalogue
from analytics.collect.records import RecordedSpan, Subject
from analytics.collect.relay.bodies import BrowserSpan
from analytics.collect.track import checked_metadata
from analytics.events import Activity, Attributes, FeatureUse, Metadata, Value
from analytics.exceptions import InvalidValue, MalformedEvent, UndeclaredEvent

MAXIMUM_ATTRIBUTES = 64  # ours have some ten
SECOND_NS = 1_000_000_000
# The processor rejects spans further ahead; a browser corrects its clock by the site's.
LARGEST_LEAD_NS = 600 * SECOND_NS
# Oldest accepted event: a page on a laptop that slept for a day.
LARGEST_AGE_NS = 24 * 3600 * SECOND_NS
FROM_BROWSERS: dict[Value, type[Activity | FeatureUse]] = {kind.category.value: kind for kind in (Activity, FeatureUse)}
SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Rejection(StrEnum):
    """Reason of a rejection; also the reason in the sent counts, after `browser_`."""

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
    event = _event(span.attributes)
    # For the check of consent, an event is as old as its own time, and never newer than its request.
    age_ns = max(0, subject.began_ns - span.start_ns)
    return RecordedSpan(
        replace(subject, began_ns=subject.began_ns - age_ns, began_elapsed_ns=subject.began_elapsed_ns - age_ns),
        event,
        start_ns=span.start_ns,
        end_ns=span.start_ns,
        session_key=session_key if isinstance(event, Activity) else None,
        metadata=_metadata(event, span.attributes),
        context=SpanContext(
            int.from_bytes(span.trace_id, "big"),
            int.from_bytes(span.span_id, "big"),
            is_remote=True,
            trace_flags=SAMPLED,
        ),
    )


def _event(attributes: Attributes) -> Activity | FeatureUse:
    """The event of these attributes, if browsers may send it. Raises Rejected."""
    kind = FROM_BROWSERS.get(attributes.get(vocabulary.EVENT_CATEGORY))
    if kind is None:
        raise Rejected(Rejection.NOT_FOR_BROWSERS)
    try:
        event = kind.from_attributes(attributes)
        declared = current_catalogue().declaration(*event.key)
    except (MalformedEvent, UndeclaredEvent):
        raise Rejected(Rejection.UNDECLARED) from None
    if not declared.browser:
        raise Rejected(Rejection.NOT_FOR_BROWSERS)
    return event


def _metadata(event: Activity | FeatureUse, attributes: Attributes) -> Metadata:
    """Values of the declared metadata keys. Undeclared keys are dropped, as the processor drops them."""
    found: dict[str, object] = {}
    for key in current_catalogue().declaration(*event.key).fields:
        name = vocabulary.METADATA_PREFIX + key
        if name in attributes:
            found[key] = attributes[name]
    try:
        return checked_metadata(event, found)
    except UndeclaredEvent:
        raise Rejected(Rejection.UNDECLARED) from None
    except InvalidValue:
        raise Rejected(Rejection.BAD_METADATA) from None


def undeclared_keys(span: BrowserSpan, taken: RecordedSpan) -> int:
    """Number of the span's metadata keys that were dropped from the recorded span."""
    return sum(name.startswith(vocabulary.METADATA_PREFIX) for name in span.attributes) - len(taken.metadata)
