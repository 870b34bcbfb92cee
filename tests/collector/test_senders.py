"""Who may send: with senders.yaml whoever has a key of the file, with public.yaml anybody, under another key."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.acceptance.product import wait_until
from tests.collector.parts import LOOPBACK, Collector
from tests.collector.spans import of_test_run, request
from tests.collector.upstream import Upstream

OURS, THEIRS, PROCESSORS = "the-key-of-a-site", "the-key-of-another-service", "the-key-of-the-processor"
STORED, REFUSED = 200, 401


@contextmanager
def running(folder: Path, taking: Upstream, overlay: str, **variables: str) -> Iterator[Collector]:
    collector = Collector(folder, processor_port=taking.port, overlays=(overlay,), OTEL_API_KEY=PROCESSORS, **variables)
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("senders") / "senders.txt"
    file.write_text(f"{OURS}\n{THEIRS}\n")
    return file


@pytest.fixture(scope="module")
def collector(taking: Upstream, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with running(tmp_path_factory.mktemp("collector"), taking, "senders", COLLECTOR_SENDERS=str(keys)) as collector:
        yield collector


def a_span() -> Span:
    return of_test_run(str(uuid.uuid4()), 1)


def by_http(collector: Collector, span: Span, key: str | None, body: bytes | None = None) -> int:
    headers = {"Content-Type": "application/x-protobuf", **({} if key is None else {"x-api-key": key})}
    data = request([span]).SerializeToString() if body is None else body
    return requests.post(f"{collector.http_url}/v1/traces", data=data, headers=headers, timeout=30).status_code


def by_grpc(collector: Collector, span: Span, key: str | None) -> int:
    metadata = () if key is None else (("x-api-key", key),)
    with grpc.insecure_channel(f"{LOOPBACK}:{collector.grpc_port}") as channel:
        try:
            TraceServiceStub(channel).Export(request([span]), timeout=30, metadata=metadata)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED, error
            return REFUSED
    return STORED


@pytest.mark.parametrize("send", [by_http, by_grpc])
@pytest.mark.parametrize("key", [None, "", "another", PROCESSORS, OURS[:-1], f"{OURS}x", f"Bearer {OURS}"])
def test_without_a_key_of_the_file_nothing_is_accepted(
    collector: Collector, send: "type[object]", key: str | None
) -> None:
    assert send(collector, a_span(), key) == REFUSED  # type: ignore[call-arg, arg-type, comparison-overlap]


@pytest.mark.parametrize("key", [OURS, THEIRS])
def test_a_sender_with_a_key_sends_and_its_key_goes_no_further(
    collector: Collector, taking: Upstream, key: str
) -> None:
    for send in (by_http, by_grpc):
        span = a_span()
        assert send(collector, span, key) == STORED
        taking.of_trace(span.trace_id)
        assert taking.metadata["x-api-key"] == PROCESSORS
        assert key not in str(taking.metadata)
    assert not any(each in Path(collector.log).read_text() for each in (OURS, THEIRS, PROCESSORS))


def test_a_key_that_is_taken_out_of_the_file_ends_at_once(collector: Collector, keys: Path) -> None:
    assert by_http(collector, a_span(), THEIRS) == STORED
    keys.write_text(f"{OURS}\n")
    wait_until("the end of the key", lambda: by_http(collector, a_span(), THEIRS) == REFUSED)
    assert by_http(collector, a_span(), OURS) == STORED


def test_strangers_spans_go_under_a_key_of_their_own_and_are_small(taking: Upstream, tmp_path: Path) -> None:
    with running(tmp_path, taking, "public", COLLECTOR_PUBLIC_KEY="the-key-for-strangers") as collector:
        span = a_span()
        assert by_http(collector, span, None) == STORED
        taking.of_trace(span.trace_id)
        assert taking.metadata["x-api-key"] == "the-key-for-strangers"
        assert by_http(collector, span, None, body=bytes(300_000)) >= 400
