"""The second line: whatever a client puts on a span, only what the catalogue declares leaves the collector."""

import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.collector.parts import LOOPBACK, Collector
from tests.collector.spans import RESOURCE, attributes, of_test_run, request
from tests.collector.upstream import Upstream

CANARY = "canary-4711"
KEY = "a key of the processor"
USER = "5f0c4d7e-0000-8000-8000-000000000001"


@pytest.fixture(scope="module")
def collector(taking: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    collector = Collector(tmp_path_factory.mktemp("collector"), processor_port=taking.port, OTEL_API_KEY=KEY)
    collector.start()
    yield collector
    collector.stop()


def send(collector: Collector, span: Span, **resource: str) -> None:
    with grpc.insecure_channel(f"{LOOPBACK}:{collector.grpc_port}") as channel:
        TraceServiceStub(channel).Export(request([span], {**RESOURCE, **resource}), timeout=10)


def test_nothing_undeclared_is_left_anywhere_in_a_span(collector: Collector, taking: Upstream) -> None:
    span = of_test_run(USER, 3)
    declared = list(span.attributes)
    span.attributes.extend(
        attributes({f"{CANARY}.key": 1, "metadata.prompt": CANARY, "url.full": CANARY, "client.address": CANARY})
    )
    listed = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=CANARY)]))
    span.attributes.append(KeyValue(key="exception.stacktrace", value=listed))
    span.name = f"GET /{CANARY}"
    span.trace_state = f"vendor={CANARY}"
    span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=CANARY))
    span.events.append(Span.Event(name=CANARY, attributes=attributes({"exception.message": CANARY})))
    span.links.append(Span.Link(trace_id=os.urandom(16), span_id=os.urandom(8), attributes=attributes({"x": CANARY})))
    sent = request([span], {**RESOURCE, "host.name": CANARY})
    sent.resource_spans[0].scope_spans[0].scope.CopyFrom(
        InstrumentationScope(name="somebody", attributes=attributes({"y": CANARY}))
    )
    with grpc.insecure_channel(f"{LOOPBACK}:{collector.grpc_port}") as channel:
        TraceServiceStub(channel).Export(sent, timeout=10)

    left = taking.of_trace(span.trace_id)

    assert CANARY.encode() not in left.SerializeToString()
    assert list(left.resource.attributes) == attributes(RESOURCE)
    [kept] = left.scope_spans[0].spans
    assert list(kept.attributes) == declared
    assert (kept.span_id, kept.start_time_unix_nano) == (span.span_id, span.start_time_unix_nano)


def test_nothing_undeclared_lies_on_its_disk(collector: Collector, taking: Upstream) -> None:
    span = of_test_run(USER, 4)
    span.attributes.extend(attributes({"metadata.prompt": f"{CANARY}-on-disk"}))
    send(collector, span)
    taking.of_trace(span.trace_id)

    queue = [path for path in (collector.folder / "queue").rglob("*") if path.is_file()]
    written = b"".join(path.read_bytes() for path in queue)

    assert USER.encode() in written, "the queue is not where we look"
    assert CANARY.encode() not in written


def test_what_older_clients_and_stock_instrumentors_send_is_let_through(collector: Collector, taking: Upstream) -> None:
    older = {"event.category": "endpoint_usage", "user.id": "0123456789abcdef", "http.method": "GET"}
    older |= {"http.route": "/tests/", "http.status_code": "200", "duration_ms": "12.5"}
    span = of_test_run(USER, 5)
    del span.attributes[:]
    span.attributes.extend(attributes(older))

    send(collector, span, **{"deployment.type": "self-hosted"})

    [kept] = taking.of_trace(span.trace_id).scope_spans[0].spans
    assert list(kept.attributes) == attributes(older)


def test_the_processors_key_goes_with_it_and_stands_in_no_log(collector: Collector, taking: Upstream) -> None:
    span = of_test_run(USER, 6)
    send(collector, span)
    taking.of_trace(span.trace_id)

    assert taking.metadata["x-api-key"] == KEY
    log = Path(collector.log).read_text()
    assert "Everything is ready" in log
    assert KEY not in log and CANARY not in log
