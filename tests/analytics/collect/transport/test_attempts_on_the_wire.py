"""One attempt against a real socket: what it answers, and every byte that left."""

import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from grpc import StatusCode
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan

from analytics.collect import pipeline
from analytics.collect.clean import clean_span, resource
from analytics.collect.records import RecordedSpan, Subject
from analytics.collect.transport import Tls, Transport
from analytics.collect.transport.answers import Answer, Fate, Reason
from analytics.collect.transport.otlp_grpc import GrpcTransport
from analytics.collect.transport.otlp_http import HttpTransport, _left, of_error
from analytics.events import Activity
from privacy.elapsed import elapsed
from privacy.sending import NoLongerHeld
from tests.acceptance.product import free_port, wait_until
from tests.support import collectors as c
from tests.support.clock import Clock

ENDLESS = 60.0
SHORT = 0.3  # for collectors that never end


def spans(number: int = 1) -> list[ReadableSpan]:
    now = time.time_ns()
    return [
        clean_span(
            RecordedSpan(Subject(uuid4(), None, now, 0), Activity("login"), start_ns=now, end_ns=now),
            resource(),
            uuid4(),
        )
        for _ in range(number)
    ]


def attempted(
    transport: Transport, *, seconds: float = ENDLESS, number: int = 1, until: float = float("inf")
) -> Answer:
    """What became of an attempt. Only to connect may raise an OSError: once connected, it is an answer."""
    with ExitStack() as connection:
        try:
            send = connection.enter_context(transport.connected(elapsed.now() + seconds))
        except OSError as error:
            return of_error(error)
        return send(spans(number), lambda: until)


def over_http(taken: c.Taken, *, compress: bool = False, tls: Tls | None = None) -> HttpTransport:
    return HttpTransport(taken.url + "/v1/traces", headers={"x-api-key": "a key"}, compress=compress, tls=tls)


def over_grpc(taken: c.Taken, *, tls: Tls | None = None) -> GrpcTransport:
    return GrpcTransport(taken.url, headers={"X-API-Key": "a key"}, compress=False, tls=tls)


AGAIN, REFUSED = Fate.AGAIN, Fate.REFUSED
HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100\r\n\r\nabc"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
STILL = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Unheard Of\r\n\r\n"


def of_bytes(number: int) -> bytes:
    """A whole answer of a collector, so long."""
    message = "x" * (number - 8)
    body = ExportTraceServiceResponse(partial_success={"error_message": message}).SerializeToString()
    assert len(body) == number
    return body


HTTP: list[tuple[str, c.Behaviour, Answer]] = [
    ("taken", c.answers(), Answer(Fate.TAKEN)),
    ("hints, then taken", c.says(HINTS * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Answer(Fate.TAKEN)),
    ("still at it, then taken", c.says(STILL + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Answer(Fate.TAKEN)),
    ("another protocol", c.says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), Answer(REFUSED, Reason.REFUSED)),
    ("hints, then 503", c.says(HINTS + b"HTTP/1.1 503 No\r\n\r\n"), Answer(AGAIN, Reason.BUSY)),
    ("hints, then nothing", c.says(HINTS), Answer(AGAIN, Reason.UNREACHABLE)),
    ("partial", c.answers(200, c.partial_success(1)), Answer(Fate.TAKEN, rejected=1)),
    ("503", c.answers(503), Answer(AGAIN, Reason.BUSY)),
    ("503, seconds", c.answers(503, Retry_After="2"), Answer(AGAIN, Reason.BUSY, pause_seconds=2.0)),
    ("429", c.answers(429, Retry_After="x"), Answer(AGAIN, Reason.BUSY)),
    ("400", c.answers(400), Answer(REFUSED, Reason.REFUSED)),
    ("resets after the body", c.resets, Answer(AGAIN, Reason.UNREACHABLE)),
    ("ends without a word", c.says(), Answer(AGAIN, Reason.UNREACHABLE)),
    ("half a status line", c.says(b"HTTP/1.1 20"), Answer(AGAIN, Reason.NOT_OTLP)),
    ("half a body", c.says(HALF), Answer(AGAIN, Reason.UNREACHABLE)),
    ("half a chunk", c.says(CHUNKED), Answer(AGAIN, Reason.UNREACHABLE)),
    ("nonsense", c.says(b"220 mail.example.org ESMTP\r\n"), Answer(AGAIN, Reason.NOT_OTLP)),
    ("a page", c.answers(200, b"<html>", Content_Type="text/html"), Answer(REFUSED, Reason.NOT_OTLP)),
    ("64 KiB", c.answers(200, of_bytes(65_536)), Answer(Fate.TAKEN)),
    ("a byte more", c.answers(200, of_bytes(65_537)), Answer(REFUSED, Reason.NOT_OTLP)),
    ("a flood", c.floods, Answer(REFUSED, Reason.NOT_OTLP)),
]


@pytest.mark.parametrize(("behave", "answer"), [case[1:] for case in HTTP], ids=[case[0] for case in HTTP])
def test_over_http_each_attempt_is_one_request(behave: c.Behaviour, answer: Answer) -> None:
    with c.http_collector(behave) as taken:
        assert attempted(over_http(taken)) == answer
    assert len(taken.bodies) == len(taken.heads) == 1 and len(taken.people()) == 1
    assert taken.heads[0].startswith("POST /v1/traces HTTP/1.1\r\n") and "x-api-key: a key" in taken.heads[0]
    assert "content-encoding" not in taken.heads[0]


@pytest.mark.parametrize("behave", [c.hangs, c.dribbles])
def test_over_http_time_is_up_however_it_is_wasted(behave: c.Behaviour) -> None:
    with c.http_collector(behave) as taken:
        assert attempted(over_http(taken), seconds=SHORT) == Answer(AGAIN, Reason.TIMEOUT)
    assert len(taken.heads) == 1


def test_a_reset_before_the_body_is_tried_again() -> None:
    with c.http_collector(c.resets, reads_body=False) as taken:
        answer = attempted(over_http(taken), number=5000)
    assert answer == Answer(AGAIN, Reason.UNREACHABLE) and len(taken.heads) == 1


def test_a_collector_that_stops_reading_in_the_middle_costs_the_time_and_no_more() -> None:
    with c.http_collector(c.hangs, reads_body=False) as taken:
        assert attempted(over_http(taken), seconds=SHORT * 5, number=25_000) == Answer(AGAIN, Reason.TIMEOUT)


def reads_late(connection: socket.socket, taken: c.Taken) -> None:
    """What of the rest of a request is there once the attempt is over, and how it ends."""
    taken.stopping.wait()
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        taken.heads.append("reset")


def test_of_an_attempt_that_is_given_up_nothing_leaves_any_more() -> None:
    """Bytes that the kernel still had would follow, if the collector went on reading."""
    with c.http_collector(reads_late, reads_body=False) as taken:
        assert attempted(over_http(taken), seconds=SHORT * 5, number=5000) == Answer(AGAIN, Reason.TIMEOUT)
        taken.stopping.set()
        wait_until("the collector to see the reset", lambda: taken.heads[1:] == ["reset"])


def test_an_answer_ends_the_connection_in_order() -> None:
    ends: list[bytes] = []

    def behave(connection: socket.socket, taken: c.Taken) -> None:
        c.answers()(connection, taken)
        ends.append(connection.recv(1))

    with c.http_collector(behave) as taken:
        assert attempted(over_http(taken)) == Answer(Fate.TAKEN)
        wait_until("the end of the connection", lambda: ends == [b""])


@pytest.mark.parametrize("left", [0.0, -0.5])
def test_no_read_begins_when_no_time_is_left(left: float, clock: Clock) -> None:
    with pytest.raises(TimeoutError):
        _left(clock.now() + left)


def test_a_redirect_gets_neither_key_nor_spans() -> None:
    with (
        c.http_collector(c.answers()) as elsewhere,
        c.http_collector(c.answers(307, Location=elsewhere.url + "/v1/traces")) as taken,
    ):
        assert attempted(over_http(taken)) == Answer(REFUSED, Reason.REFUSED)
    assert len(taken.bodies) == 1 and elsewhere.heads == []


def test_a_compressed_body_has_a_content_encoding() -> None:
    with c.http_collector(c.answers()) as taken:
        attempted(over_http(taken, compress=True))
    assert "content-encoding: gzip" in taken.heads[0] and len(taken.people()) == 1


GRPC: list[tuple[str, c.Call, Answer]] = [
    ("taken", c.accepts(), Answer(Fate.TAKEN)),
    ("partial", c.accepts(c.partial_success(1)), Answer(Fate.TAKEN, rejected=1)),
    ("nonsense", c.accepts(b"\xff\xff"), Answer(REFUSED, Reason.NOT_OTLP)),
    ("unavailable", c.fails(StatusCode.UNAVAILABLE), Answer(AGAIN, Reason.UNREACHABLE)),
    ("when", c.fails(StatusCode.UNAVAILABLE, retry_seconds=1.5), Answer(AGAIN, Reason.UNREACHABLE, pause_seconds=1.5)),
    ("exhausted", c.fails(StatusCode.RESOURCE_EXHAUSTED), Answer(REFUSED, Reason.REFUSED)),
    ("until", c.fails(StatusCode.RESOURCE_EXHAUSTED, retry_seconds=2), Answer(AGAIN, Reason.BUSY, pause_seconds=2.0)),
    ("no key", c.fails(StatusCode.UNAUTHENTICATED), Answer(REFUSED, Reason.REFUSED)),
    ("unimplemented", c.fails(StatusCode.UNIMPLEMENTED, retry_seconds=1), Answer(REFUSED, Reason.REFUSED)),
]


@pytest.mark.parametrize(("call", "answer"), [case[1:] for case in GRPC], ids=[case[0] for case in GRPC])
def test_over_grpc_each_attempt_is_one_call(call: c.Call, answer: Answer) -> None:
    with c.grpc_collector(call) as taken:
        assert attempted(over_grpc(taken)) == answer
    assert len(taken.bodies) == 1 and len(taken.people()) == 1 and "'x-api-key': 'a key'" in taken.heads[0]


def test_over_grpc_a_call_that_hangs_is_over_in_time() -> None:
    with c.grpc_collector(c.waits) as taken:
        assert attempted(over_grpc(taken), seconds=SHORT * 5) == Answer(AGAIN, Reason.TIMEOUT)
    assert len(taken.bodies) <= 1


@pytest.mark.parametrize("made", [over_http, over_grpc])
def test_where_nobody_listens_nothing_is_sent(made: Callable[[c.Taken], Transport]) -> None:
    assert attempted(made(c.Taken(f"http://127.0.0.1:{free_port()}"))) == Answer(AGAIN, Reason.UNREACHABLE)


Collector = Callable[[], AbstractContextManager[c.Taken]]
BOTH: list[tuple[Callable[[c.Taken], Transport], Collector]] = [
    (over_http, lambda: c.http_collector(c.answers())),
    (over_grpc, lambda: c.grpc_collector(c.accepts())),
]


@pytest.mark.parametrize(("made", "collector"), BOTH)
def test_spans_whose_consent_ends_right_before_sending_are_not_sent(
    made: Callable[[c.Taken], Transport], collector: Collector
) -> None:
    def over() -> float:
        raise NoLongerHeld

    with collector() as taken, pytest.raises(NoLongerHeld), made(taken).connected(elapsed.now() + ENDLESS) as send:
        send(spans(), over)
    assert taken.bodies == []


@pytest.mark.parametrize(("made", "collector"), BOTH)
def test_nor_is_what_was_permitted_until_a_moment_ago(
    made: Callable[[c.Taken], Transport], collector: Collector
) -> None:
    with collector() as taken:
        assert attempted(made(taken), until=elapsed.now()) == Answer(AGAIN, Reason.TIMEOUT)
    assert taken.bodies == []


SECRET = "secret-of-another-vendor"
FOREIGN = {
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": f"authorization={SECRET}",
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={SECRET}",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "0",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such/file",
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "/no/such/file",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/no/such/file",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "/no/such/file",
    "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "false",
    "OTEL_EXPORTER_OTLP_INSECURE": "false",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "nobody",
    "OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER": "nobody",
    "OTEL_PYTHON_EXPORTER_OTLP_GRPC_TRACES_CREDENTIAL_PROVIDER": "nobody",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "grpc_proxy": "http://127.0.0.1:9",
    "NO_PROXY": "",
    "REQUESTS_CA_BUNDLE": "/no/such/file",
}


@pytest.mark.parametrize(("protocol", "collector"), [("http/protobuf", BOTH[0][1]), ("grpc", BOTH[1][1])])
def test_nothing_of_another_vendor_s_tracing_reaches_our_endpoint(
    protocol: str, collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: object
) -> None:
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".netrc").write_text(f"machine localhost login somebody password {SECRET}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with collector() as taken:
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = taken.url  # type: ignore[attr-defined]
        settings.OTEL_EXPORTER_OTLP_PROTOCOL = protocol  # type: ignore[attr-defined]
        assert attempted(pipeline.make_transport()) == Answer(Fate.TAKEN)
    assert len(taken.bodies) == 1
    assert "authorization" not in taken.heads[0].lower() and "gzip" not in taken.heads[0].split("accept-encoding")[0]
    assert SECRET not in taken.heads[0]
