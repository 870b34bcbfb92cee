"""The same verdicts as by `plain`, many times faster, for spans that are laid out as this project's own are.

On the wire such a span is its ids, its name, its times, its category, whose it is, and what happened. What is left of
it without ids, times and people, its *shape*, comes again and again, byte for byte. So a span is cut where our exporter
and the Collector put things (`layouts`), its shape looked up (`shapes`, which proves the cut), and its row put together
without a look at any attribute. All that is laid out differently, or is not to be stored, is judged the plain way.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from struct import error

from analytics.catalogue import Catalogue
from analytics.ingest import plain
from analytics.ingest.layouts import field
from analytics.ingest.packing import NULL, duration, key
from analytics.ingest.rows import NO_SPAN_ID, NO_TRACE_ID, deployment_of, judge, row_id, window
from analytics.ingest.shapes import CATEGORIES, Shapes, shapes_of
from analytics.ingest.verdicts import Verdicts
from analytics.ingest.words import LONGEST_DURATION_MS
from analytics.vocabulary import Category
from analytics.wire import SpansUnread
from privacy.switches import DeploymentType

ACTIVITY, REQUEST = CATEGORIES.index(Category.USER_ACTIVITY), CATEGORIES.index(Category.ENDPOINT_USAGE)
# Tags on the way from a span to the request: spans, scope_spans, resource_spans.
PATH = (0x12, 0x12, 0x0A)


def verdicts(body: bytes, catalogue: Catalogue, *, now: datetime, own: DeploymentType) -> Verdicts:
    """As `rows.verdicts` of what `plain.read` reads; raises DecodeError for what is no ExportTraceServiceRequest."""
    found, window_us = Verdicts(), window(now)
    for resource_spans in SpansUnread.FromString(body).resource_spans:
        resource = plain.attributes(resource_spans.resource.attributes)
        deployment = deployment_of(resource, own)
        for scope_spans in resource_spans.scope_spans:
            others: Iterable[bytes] = scope_spans.spans
            if deployment is not None:
                others = _judged(others, shapes_of(catalogue, deployment), found, *window_us)
            for raw in others:
                for _, of_resource in plain.read(_wrapped(raw), catalogue):
                    for said in of_resource:
                        judge(found, said, deployment, window_us, resource)
    return found


def _judged(
    spans: Iterable[bytes], shapes_by_first: dict[int, Shapes], found: Verdicts, oldest_us: int, newest_us: int
) -> Iterator[bytes]:
    """Judge those laid out as ours that will be stored, and yield each other one in its turn."""
    add = tuple(found.rows[category].append for category in CATEGORIES)
    judged = 0
    for raw in spans:
        try:
            shapes = shapes_by_first[raw[0]]
            start_ns, end_ns, ids, left, user_id, organization_id, session_id = shapes.cut(raw)
        except (KeyError, IndexError, ValueError, error):
            yield raw
            continue
        timestamp_us = start_ns // 1000
        if (
            user_id is None
            or not oldest_us <= timestamp_us <= newest_us
            or end_ns < start_ns
            or ids.startswith(NO_TRACE_ID)
            or ids.endswith(NO_SPAN_ID)
            or (shape := shapes.get(left) or shapes.proved(left)) is None
        ):
            yield raw
            continue
        columns, end, category = shape
        own = b""
        if category == ACTIVITY:
            own = NULL if session_id is None else session_id
        elif category == REQUEST:
            duration_ms = (end_ns - start_ns) / 1e6
            if duration_ms > LONGEST_DURATION_MS:
                yield raw
                continue
            own = duration(duration_ms)
        judged += 1
        begin = key(columns, timestamp_us, row_id(start_ns, ids), user_id, organization_id)
        add[category]((begin + own + end, timestamp_us, user_id))
    found.received += judged


def _wrapped(raw: bytes) -> bytes:
    """A request of one span. As part of a whole, because protobuf's limit of nesting counts from there."""
    for tag in PATH:
        raw = field(tag, raw)
    return raw
