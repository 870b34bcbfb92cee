"""The load of benchmarks/ingest.py: requests of spans as the site makes them, new ones each time at little cost."""

import os
import random
import time
from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics.vocabulary import SPAN_NAMES, Category
from tests.collector.spans import Value, attributes, request

PEOPLE = 5_000
ROUTES = [f"/api/{name}/{{id}}" for name in ("tests", "test-sets", "projects", "endpoints", "metrics", "tasks") * 4]
SHARES = {"endpoint_usage": 0.6, "feature_usage": 0.3, "user_activity": 0.1}
_chance = random.Random(20261125)


def spans(number: int) -> list[Span]:
    """Of all categories, people and routes, most often requests; their ids and times come with `bodies`."""
    kinds = _chance.choices(list(SHARES), list(SHARES.values()), k=number)
    return [
        Span(
            name=SPAN_NAMES[Category(kind)],
            kind=Span.SPAN_KIND_SERVER if kind == Category.ENDPOINT_USAGE else Span.SPAN_KIND_INTERNAL,
            flags=0x101,  # sampled, and known to have no remote parent
            attributes=attributes(_values(kind)),
        )
        for kind in kinds
    ]


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


def bodies(of: list[Span], size: int) -> list[bytes]:
    """The spans as requests of `size`, serialized."""
    taken: Iterator[Span] = iter(of)
    batches = iter(lambda: list(islice(taken, size)), [])
    return [request(batch).SerializeToString() for batch in batches]
