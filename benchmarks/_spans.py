"""The load of benchmarks/ingest.py: requests with spans like the site's, generated cheaply with new ids each time."""

import os
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from uuid import UUID

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics.vocabulary import SPAN_NAMES, Category
from tests.analytics.ingest.mutations import field
from tests.collector.spans import Value, attributes, request

Written = Callable[[bytes], bytes]
PEOPLE = 5_000
ROUTES = [f"/api/{name}/{{id}}" for name in ("tests", "test-sets", "projects", "endpoints", "metrics", "tasks") * 4]
SHARES = {"endpoint_usage": 0.6, "feature_usage": 0.3, "user_activity": 0.1}
_chance = random.Random(20261125)


def ours(number: int) -> list[Span]:
    """Return spans of all categories, people and routes, mostly requests. `bodies` sets their ids and times."""
    return [_span(kind, _values(kind)) for kind in _kinds(number)]


def older(number: int) -> list[Span]:
    """As Rhesis's first telemetry sent them: short ids, numbers as text, the old names of HTTP's attributes."""
    made = []
    for kind in _kinds(number):
        values = _values(kind)
        for name in ("user.id", "organization.id"):
            values[name] = "f" + str(values[name])[-15:].replace("-", "0")
        if kind == Category.ENDPOINT_USAGE:
            values["http.method"] = values.pop("http.request.method")
            values["http.status_code"] = str(values.pop("http.response.status_code"))
            values["duration_ms"] = f"{_chance.random() * 90:.3f}"
        made.append(_span(kind, values, kind_of_span=Span.SPAN_KIND_INTERNAL))
    return made


def stock(number: int) -> list[Span]:
    """Requests as a stock SDK's HTTP instrumentation measures them, with a user put on each."""
    made = []
    for _ in range(number):
        values = _values(Category.ENDPOINT_USAGE)
        item = _chance.randrange(1_000_000)
        route = str(values["http.route"])
        around: dict[str, Value] = {
            "http.request.method": values["http.request.method"],
            "server.address": "app.example.org",
            "server.port": 443,
            "url.scheme": "https",
            "network.protocol.version": "1.1",
            "url.path": route.replace("{id}", str(item)),
            "client.address": f"192.0.2.{item % 250}",
            "network.peer.address": "198.51.100.7",
            "network.peer.port": 1024 + item % 60_000,
            "user_agent.original": f"Mozilla/5.0 (X11; Linux x86_64; rv:{item % 40}.0) Gecko/20100101 Firefox/140.0",
            "http.route": route,
            "http.response.status_code": values["http.response.status_code"],
            "user.id": values["user.id"],
        }
        made.append(Span(name=f"GET {route}", kind=Span.SPAN_KIND_SERVER, flags=0x101, attributes=attributes(around)))
    return made


def _kinds(number: int) -> list[str]:
    return _chance.choices(list(SHARES), list(SHARES.values()), k=number)


def _span(kind: str, values: dict[str, Value], kind_of_span: Span.SpanKind.ValueType | None = None) -> Span:
    own = Span.SPAN_KIND_SERVER if kind == Category.ENDPOINT_USAGE else Span.SPAN_KIND_INTERNAL
    return Span(
        name=SPAN_NAMES[Category(kind)],
        kind=own if kind_of_span is None else kind_of_span,
        flags=0x101,  # sampled, and known to have no remote parent
        attributes=attributes(values),
    )


def _values(kind: str) -> dict[str, Value]:
    person = _chance.randrange(PEOPLE)
    shared: dict[str, Value] = {
        "event.category": kind,
        "user.id": str(UUID(int=0xABCDEF << 96 | 8 << 76 | 2 << 62 | person * 2_654_435_761)),
        "organization.id": str(UUID(int=0xFEDCBA << 96 | 8 << 76 | 2 << 62 | person % 200)),
    }
    match kind:
        case "endpoint_usage":
            own: dict[str, Value] = {
                "http.request.method": _chance.choice(["GET", "GET", "GET", "POST"]),
                "http.route": _chance.choice(ROUTES),
                "http.response.status_code": _chance.choice([200, 200, 200, 201, 404]),
            }
        case "feature_usage":
            own = {
                "feature.name": "test_run",
                "feature.action": _chance.choice(["created", "viewed", "run"]),
                "metadata.test_count": _chance.randrange(1000),
            }
        case _:
            session = str(UUID(int=0x5E5510 << 96 | 8 << 76 | 2 << 62 | _chance.getrandbits(60)))
            own = {"session.id": session, "event.type": "login", "metadata.method": "password"}
    return {**shared, **own}


def renewed(of: list[Span]) -> None:
    """Give each new ids, and a time of now."""
    now = time.time_ns()
    for number, span in enumerate(of):
        span.trace_id, span.span_id = os.urandom(16), os.urandom(8)
        span.start_time_unix_nano = now - number * 1_000
        span.end_time_unix_nano = span.start_time_unix_nano + 7_654_321


def bodies(of: list[Span], size: int, written: Written | None = None) -> list[bytes]:
    """The spans as requests of `size`, serialized; `written` changes each span's bytes."""
    taken: Iterator[Span] = iter(of)
    batches = iter(lambda: list(islice(taken, size)), [])
    if written is None:
        return [request(batch).SerializeToString() for batch in batches]
    resource = request([]).resource_spans[0].resource.SerializeToString()
    return [
        field(
            0x0A,
            field(0x0A, resource)
            + field(0x12, b"".join(field(0x12, written(each.SerializeToString())) for each in batch)),
        )
        for batch in batches
    ]
