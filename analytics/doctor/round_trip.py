"""Sends one test span by the site's own way, and looks whether the processor stored it.

The span has a reserved category, no person, and a random trace id. The doctor writes this id to DoctorSpan before it
sends; the processor dates that row, and no other table or count knows of the span. Then the doctor deletes the row.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db import Error
from django.db.models.functions import Now
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext, TraceFlags

from analytics import vocabulary
from analytics.collect.clean import SCOPE, resource
from analytics.collect.transport.answers import Answer, Fate
from analytics.conf import conf
from analytics.doctor.finding import Finding, Level, well
from analytics.doctor.installation import PATIENCE_SECONDS, about_the_endpoint, sent
from analytics.models import DoctorSpan
from analytics.router import analytics_database
from privacy.elapsed import elapsed
from privacy.gate import current_control
from privacy.outages import cause
from privacy.switches import current_switches
from privacy.waits import at_most

TOPIC = "test span"
SPAN_NAME = "doctor.span"
STORED_WITHIN_SECONDS = 15.0
LOOK_EVERY_SECONDS = 0.1
LEFT_BEHIND = timedelta(hours=1)  # older rows are of a doctor that was killed


def examine_round_trip(*, is_accepting: bool, are_readable: bool) -> Iterator[Finding]:
    """`is_accepting`: the endpoint accepts requests. `are_readable`: both databases can be used."""
    try:
        why_not = _why_not(is_accepting, are_readable)
        yield well(TOPIC, f"not sent: {why_not}") if why_not else _round_trip()
    except ValueError:
        yield well(TOPIC, "not sent: a setting is invalid")
    except Error as error:
        why = cause(error, analytics_database())
        yield Finding(Level.BROKEN, TOPIC, f"could not be looked up: {why}", do="Correct the database first")


def _why_not(is_accepting: bool, are_readable: bool) -> str:
    if not current_switches().allow:
        return "telemetry is switched off"
    if not conf.stored_here:
        return "the rows are stored elsewhere, where this command cannot look"
    if not are_readable:
        return "a database cannot be used"
    with at_most(PATIENCE_SECONDS):
        if current_control().locked:
            return "staff have stopped collecting for everyone"
    return "" if is_accepting else "the endpoint does not accept requests"


def _round_trip() -> Finding:
    with at_most(PATIENCE_SECONDS):
        DoctorSpan.objects.filter(sent_at__lt=Now() - LEFT_BEHIND).delete()
        waiting = DoctorSpan.objects.create()
    try:
        answer = sent([_span(waiting.pk)])
        if answer.fate is not Fate.TAKEN or answer.rejected:
            return _not_accepted(answer)
        return _stored(waiting)
    finally:
        with at_most(PATIENCE_SECONDS):
            waiting.delete()


def _span(trace_id: UUID) -> ReadableSpan:
    now_ns = time.time_ns()
    return ReadableSpan(
        SPAN_NAME,
        context=SpanContext(
            trace_id.int, RandomIdGenerator().generate_span_id(), is_remote=False, trace_flags=TraceFlags(1)
        ),
        resource=resource(),
        attributes={vocabulary.EVENT_CATEGORY: vocabulary.DOCTOR_SPAN},
        start_time=now_ns,
        end_time=now_ns,
        instrumentation_scope=SCOPE,
    )


def _not_accepted(answer: Answer) -> Finding:
    if answer.fate is Fate.TAKEN:
        what, do = "rejected in an answer that accepts the request", "Check whether the processor is of this version"
    else:
        what, do = f"not accepted by {conf.endpoint}: {answer.why()}", about_the_endpoint(answer)
    return Finding(Level.BROKEN, TOPIC, what, "No usage data arrives", do)


def _stored(waiting: DoctorSpan) -> Finding:
    until = elapsed.now() + STORED_WITHIN_SECONDS
    while True:
        with at_most(PATIENCE_SECONDS):
            waiting.refresh_from_db()
        if waiting.stored_at is not None:
            return well(TOPIC, f"stored after {(waiting.stored_at - waiting.sent_at).total_seconds():.1f} s")
        if elapsed.now() > until:
            break
        time.sleep(LOOK_EVERY_SECONDS)
    return Finding(
        Level.BROKEN,
        TOPIC,
        f"accepted by {conf.endpoint}, but not stored within {STORED_WITHIN_SECONDS:.0f} s",
        "What answers there still holds it, discards it, or sends it to another database",
        "Check the log and the queue of the collector, then those of the processor, and their addresses",
    )
