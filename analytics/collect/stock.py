"""Measures requests with the stock Django instrumentor (OTEL_PYTHON_DJANGO_INSTRUMENT=true).

Its spans contain addresses, user agents and whole URLs, which never leave this module: it reads method, route, status
and times, and records a span of ours. The instrumentor's provider is private and has no queue.
"""

import time
from typing import Any, cast

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from opentelemetry.context import Context
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span as AnySpan

from analytics.collect import middleware, pipeline
from analytics.collect.middleware import refused
from analytics.collect.quietly import quietly
from analytics.collect.records import UNLIMITED, RecordedSpan, Subject
from analytics.collect.scope import person_of
from analytics.collect.streaming import when_closed
from analytics.events import Attributes, Request
from privacy.elapsed import elapsed_ns
from privacy.organizations import organization_of
from privacy.people import Person
from privacy.process import Bounded

MAXIMUM_OPEN = 10_000
_BEGAN = "_telemetry_began_elapsed_ns"


class _Reader(SpanProcessor):
    """Records our span for a finished stock span whose request has a person."""

    def __init__(self) -> None:
        self._subjects: Bounded[int, tuple[Subject, HttpResponseBase]] = Bounded(MAXIMUM_OPEN)

    def belongs_to(self, span: Span, user: Person, response: HttpResponseBase) -> None:
        # The stock span begins slightly before our middleware would, which makes the check of consent stricter.
        began: int = vars(span).get(_BEGAN, 0)
        subject = Subject(user.pk, organization_of(user), span.start_time or 0, began)
        self._subjects[span.get_span_context().span_id] = subject, response

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: the user is known only at the end."""
        vars(span)[_BEGAN] = elapsed_ns()

    def on_end(self, span: ReadableSpan) -> None:
        with quietly():
            context = span.get_span_context()
            known = self._subjects.pop(context.span_id, None) if context is not None else None
            if known is None or span.end_time is None:
                return
            subject, response = known
            if isinstance(response, StreamingHttpResponse):
                # The stock span ends before the body; our span ends with the body.
                when_closed(response, lambda: _record(span, subject, time.time_ns()))
            else:
                _record(span, subject, span.end_time)


def _record(span: ReadableSpan, subject: Subject, end_ns: int) -> None:
    with quietly():
        pipeline.record(
            RecordedSpan(
                subject,
                Request.from_attributes(cast(Attributes, span.attributes or {})),
                start_ns=subject.began_ns,
                end_ns=end_ns,
            )
        )


def instrument() -> None:
    """Install the stock instrumentor's middleware before all others, with a private provider.

    Does nothing if the host has installed it already, or if it does not support this version of Django; our own
    middleware then measures, and analytics.W004 reports it.
    """
    instrumentor = DjangoInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        return
    reader = _Reader()
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource.get_empty(),
        shutdown_on_exit=False,
        span_limits=UNLIMITED,
        meter_provider=NoOpMeterProvider(),
    )
    provider.add_span_processor(reader)

    def response_hook(span: AnySpan, request: HttpRequest, response: HttpResponseBase) -> None:
        user = person_of(request)
        if isinstance(span, Span) and user is not None and not refused(request, user):
            reader.belongs_to(span, user, response)

    options: dict[str, Any] = {
        "tracer_provider": provider,
        "meter_provider": NoOpMeterProvider(),
        "response_hook": response_hook,
    }
    instrumentor.instrument(**options)
    middleware.stock_measures = instrumentor.is_instrumented_by_opentelemetry


def uninstrument() -> None:
    middleware.stock_measures = False
    DjangoInstrumentor().uninstrument()
