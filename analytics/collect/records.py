"""What the web process records: a span that still knows the person, on its way to the gate.

A `RecordedSpan` never leaves the process. It carries the raw ids as plain Python attributes, not as span attributes, so
that nothing that encodes spans can pick them up; `analytics.collect.clean` makes from it the span that may go out.
"""

from dataclasses import dataclass
from uuid import UUID

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext, TraceFlags

from analytics.events import Event, Metadata

_ids = RandomIdGenerator()
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
# Given, because a span without a resource makes its own, which is slow; the clean span gets the real one.
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
    """Whose usage it is, and since when: `began_ns` is the start of their request or job, Unix time in nanoseconds.

    `began_elapsed_ns` is the same moment by `privacy.elapsed.elapsed_ns`, which tells whether it was before consent.
    For an event of a browser both are the earlier of when the event says it happened and when it came in.
    """

    user_id: UUID
    organization_id: UUID | None
    began_ns: int
    began_elapsed_ns: int


def new_context() -> SpanContext:
    """Ids of its own for every span: two spans of one request cannot be linked, and no parent comes from outside."""
    return SpanContext(_ids.generate_trace_id(), _ids.generate_span_id(), is_remote=False, trace_flags=_SAMPLED)


class RecordedSpan(ReadableSpan):
    """One event of one person. `session_key` is the raw session id; the values of `metadata` are checked.

    `context` is given for a span that a browser made, so that a span sent again is the same span.
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
