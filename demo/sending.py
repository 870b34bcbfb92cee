"""Sends demo events as OTLP spans to a processor, which treats them like any other."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import Protocol
from urllib.parse import urlsplit

import grpc
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

from analytics import vocabulary
from analytics.events import Scalar
from analytics.exceptions import AnalyticsError
from demo.days import Happening
from demo.ids import organization_id, person_id
from demo.people import Person
from privacy.clock import unix_ns
from privacy.switches import DeploymentType

SCOPE = InstrumentationScope("rhesis.telemetry.demo")
SERVICE = "rhesis-demo"
SPANS_A_REQUEST = 1000
TIMEOUT_SECONDS = 30.0
ATTEMPTS = 6
TEMPORARY = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED}


class NotAccepted(AnalyticsError):
    """The processor did not accept the demo data; the message has the reason."""


class Send(Protocol):
    """Sends spans, and returns how many of them were stored or known already."""

    def __call__(self, spans: Sequence[ReadableSpan]) -> int: ...


def spans_of(happenings: Iterable[tuple[Person, Happening]], chance: Random) -> list[ReadableSpan]:
    """One span for each event. Trace and span ids come from `chance`, so equal data sent twice is stored once."""
    return [_span(person, happening, chance) for person, happening in happenings]


def _span(person: Person, happening: Happening, chance: Random) -> ReadableSpan:
    event = happening.event
    attributes: dict[str, Scalar] = {
        vocabulary.EVENT_CATEGORY: event.category.value,
        vocabulary.USER_ID: str(person_id(person.number)),
        vocabulary.ORGANIZATION_ID: str(organization_id(person.organization)),
        **event.attributes(),
    }
    if happening.session is not None:
        attributes[vocabulary.SESSION_ID] = happening.session
    attributes |= {vocabulary.METADATA_PREFIX + key: value for key, value in happening.metadata.items()}
    start = unix_ns(happening.at)
    return ReadableSpan(
        event.span_name,
        context=SpanContext(
            chance.getrandbits(128) or 1, chance.getrandbits(64) or 1, is_remote=False, trace_flags=TraceFlags(1)
        ),
        resource=_RESOURCES[person.deployment],
        attributes=attributes,
        kind=event.span_kind,
        start_time=start,
        end_time=start + happening.duration // timedelta(microseconds=1) * 1000,
        instrumentation_scope=SCOPE,
    )


_RESOURCES = {
    deployment: Resource({vocabulary.SERVICE_NAME: SERVICE, vocabulary.DEPLOYMENT_TYPE: deployment.value})
    for deployment in DeploymentType
}


@contextmanager
def connected(endpoint: str, api_key: str) -> Iterator[Send]:
    """A function that sends spans to the processor at `endpoint` (http:// or https://), or raises NotAccepted."""
    where = urlsplit(endpoint)
    address = f"{where.hostname}:{where.port or 4317}"
    secure = where.scheme == "https"
    channel = grpc.secure_channel(address, grpc.ssl_channel_credentials()) if secure else grpc.insecure_channel(address)
    metadata = (("x-api-key", api_key),) if api_key else ()
    with channel:
        stub = TraceServiceStub(channel)  # type: ignore[no-untyped-call]
        yield lambda spans: _send(stub, spans, metadata, address)


def _send(stub: TraceServiceStub, spans: Sequence[ReadableSpan], metadata: tuple[tuple[str, str], ...], to: str) -> int:
    stored = 0
    for start in range(0, len(spans), SPANS_A_REQUEST):
        batch = spans[start : start + SPANS_A_REQUEST]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = stub.Export(encode_spans(batch), timeout=TIMEOUT_SECONDS, metadata=metadata)
                break
            except grpc.RpcError as error:
                if error.code() not in TEMPORARY or attempt == ATTEMPTS:
                    raise NotAccepted(f"the processor at {to} answers {error.code().name}: {error.details()}") from None
                time.sleep(0.1 * 2**attempt)
        stored += len(batch) - answer.partial_success.rejected_spans
    return stored


def by_deployment(happenings: Iterable[tuple[Person, Happening]]) -> list[tuple[Person, Happening]]:
    """Sorted by deployment type and time, because each deployment type has its own resource."""
    return sorted(happenings, key=lambda each: (each[0].deployment.value, each[1].at))
