"""Spans recorded in the web process, with the raw ids of their person.

A `RecordedSpan` never leaves the process. It has the raw ids as Python attributes instead of span attributes, so that
no encoder can read them; `analytics.collect.clean` builds the span to send.
"""

from dataclasses import dataclass

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext, TraceFlags

from analytics.events import Event, Metadata
from privacy.keys import Key

_ids = RandomIdGenerator()
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
# Otherwise each span creates its own resource, which is slow; the clean span has the real one.
_NO_RESOURCE = Resource.get_empty()
# Each limit by name: the SDK reads a variable of the environment for one that is left out, and a wrong one raises.
UNLIMITED = SpanLimits(
    max_attributes=SpanLimits.UNSET,
    max_events=SpanLimits.UNSET,
    max_links=SpanLimits.UNSET,
    max_span_attributes=SpanLimits.UNSET,
    max_event_attributes=SpanLimits.UNSET,
    max_link_attributes=SpanLimits.UNSET,
    max_attribute_length=SpanLimits.UNSET,
    max_span_attribute_length=SpanLimits.UNSET,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """The person, and the start of their request or job: `began_ns`, Unix time in nanoseconds.

    `began_elapsed_ns` is the same moment by `privacy.elapsed.elapsed_ns`, for comparison with consent. For a browser's
    event both are the earlier of the event's own time and its arrival.
    """

    user_id: Key
    organization_id: str | None
    began_ns: int
    began_elapsed_ns: int


def new_context() -> SpanContext:
    """New ids for every span, so that spans of one request cannot be linked, and no parent comes from outside."""
    return SpanContext(_ids.generate_trace_id(), _ids.generate_span_id(), is_remote=False, trace_flags=_SAMPLED)


class RecordedSpan(ReadableSpan):
    """One event of one person. `session_key` is the raw session id; `metadata` has been checked.

    `context` is the browser's for its spans, so that a repeated span is the same span.
    """

    subject: Subject
    event: Event
    session_key: str | None
    metadata: Metadata

    def __init__(
        self,
        subject: Subject,
        event: Event,
        *,
        start_ns: int,
        end_ns: int,
        session_key: str | None = None,
        metadata: Metadata | None = None,
        context: SpanContext | None = None,
    ) -> None:
        super().__init__(
            event.span_name,
            context=context or new_context(),
            resource=_NO_RESOURCE,
            start_time=start_ns,
            end_time=end_ns,
        )
        self.subject, self.event, self.session_key, self.metadata = subject, event, session_key, metadata or {}
