"""The same verdicts as by `plain`, many times faster, for spans that are laid out as this project's own are.

On the wire such a span is its ids, its name, its times, its category, whose it is, and what happened. What is left of
it without ids, times and people, its *shape*, comes again and again, byte for byte. So a span is cut where our own
exporter and the Collector put things, its shape looked up, and its row put together without a look at any attribute.

A cut is a guess. It is proved once for each shape (`shapes.proved`): protobuf's own classes read the same bytes with
marks in all those places, and find each mark there and nothing else. As ids, times and people have a fixed length, what
stands in their places cannot change how the rest is read. All that is laid out differently, or is not to be stored, is
judged the plain way.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from struct import error

from analytics.catalogue import Catalogue
from analytics.ingest import plain
from analytics.ingest import shapes as known
from analytics.ingest.rows import NO_SPAN_ID, NO_TRACE_ID, deployment_of, judge, row_id, window
from analytics.ingest.shapes import (
    CATEGORIES,
    END,
    IDS_BYTES,
    SPAN_ID,
    START,
    TIMES,
    TIMES_BYTES,
    TRACE_ID,
    Shapes,
    field,
)
from analytics.ingest.verdicts import Verdicts
from analytics.ingest.wire import SpansUnread
from analytics.ingest.words import LONGEST_DURATION_MS
from analytics.vocabulary import Category
from privacy.switches import DeploymentType

REQUEST = CATEGORIES.index(Category.ENDPOINT_USAGE)
# Tags on the way from a span to the request: spans, scope_spans, resource_spans.
PATH = (b"\x12", b"\x12", b"\x0a")


def verdicts(body: bytes, catalogue: Catalogue, *, now: datetime, own: DeploymentType) -> Verdicts:
    """As `rows.verdicts` of what `plain.read` reads; raises DecodeError for what is no ExportTraceServiceRequest."""
    found, window_us = Verdicts(), window(now)
    for resource_spans in SpansUnread.FromString(body).resource_spans:
        deployment = deployment_of(plain.attributes(resource_spans.resource.attributes), own)
        for scope_spans in resource_spans.scope_spans:
            others: Iterable[bytes] = scope_spans.spans
            if deployment is not None:
                others = _judged(others, known.shapes_of(catalogue, deployment), found, *window_us)
            for raw in others:
                for _, of_resource in plain.read(_wrapped(raw), catalogue):
                    for said in of_resource:
                        judge(found, said, deployment, window_us)
    return found


def _judged(spans: Iterable[bytes], shapes: Shapes, found: Verdicts, oldest_us: int, newest_us: int) -> Iterator[bytes]:
    """Judge those laid out as ours that will be stored, and yield each other one in its turn.

    What costs a span anything is all in here.
    """
    # Everything by a local name, and written out rather than called: a call costs as much as all that a line here does.
    add = tuple(found.rows[category].append for category in CATEGORIES)
    users, organizations, sessions, shape_of = known.users, known.organizations, known.sessions, shapes.get
    user_bytes, organization_bytes, session_bytes = users.size, organizations.size, sessions.size
    session_length_byte, two_times, judged = sessions.length_byte, TIMES.unpack_from, 0
    for raw in spans:
        try:
            times = raw.index(START, IDS_BYTES)
            start_ns, end_tag, end_ns = two_times(raw, times + 1)
            head = times + TIMES_BYTES
            user = head + 2 + raw[head + 1]
            organization = user + user_bytes
            rest = organization + organization_bytes
            user_id, organization_id = users[raw[user:organization]], organizations[raw[organization:rest]]
            if organization_id is None:
                rest = organization
            session_id = None
            if raw[rest + 1] == session_length_byte:
                session_id = sessions[raw[rest : rest + session_bytes]]
                if session_id is not None:
                    rest += session_bytes
        except (IndexError, ValueError, error):
            yield raw
            continue
        timestamp_us, trace_id, span_id = start_ns // 1000, raw[2:18], raw[20:28]
        if (
            user_id is None
            or not oldest_us <= timestamp_us <= newest_us
            or end_ns < start_ns
            or end_tag != END
            or raw[0] != TRACE_ID
            or raw[1] != 16
            or raw[18] != SPAN_ID
            or raw[19] != 8
            or trace_id == NO_TRACE_ID
            or span_id == NO_SPAN_ID
        ):
            yield raw
            continue
        key = raw[IDS_BYTES:times], raw[head:user] + raw[rest:]
        shape = shape_of(key) or shapes.proved(key[0], raw[head:user], raw[rest:])
        if shape is None:
            yield raw
            continue
        begin, end, category = shape
        own: bytes | float | None = session_id
        if category == REQUEST:
            own = duration_ms = (end_ns - start_ns) / 1e6
            if duration_ms > LONGEST_DURATION_MS:
                yield raw
                continue
        judged += 1
        id_ = row_id(start_ns, trace_id + span_id)
        add[category]((begin(timestamp_us, id_, user_id, organization_id, own) + end, timestamp_us, user_id))
    found.received += judged


def _wrapped(raw: bytes) -> bytes:
    """A request of one span. As part of a whole, because protobuf's limit of nesting counts from there."""
    for tag in PATH:
        raw = field(tag, raw)
    return raw
