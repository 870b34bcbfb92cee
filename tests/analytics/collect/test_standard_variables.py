"""The standard variables at work: honoured ones in what is sent, ignored ones nowhere."""

import gzip
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.test import override_settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from analytics.collect import pipeline
from analytics.collect.records import RecordedSpan, Subject
from analytics.events import FeatureUse
from analytics.otel_variables import EVERY_VARIABLE, Fate
from privacy.elapsed import elapsed_ns
from tests.support.people import someone_who_shares

pytestmark = pytest.mark.django_db(transaction=True)

Received = list[tuple[dict[str, str], bytes]]


@contextmanager
def collector() -> Iterator[tuple[str, Received]]:
    """A collector's address, and the headers and body of each request it took."""
    received: Received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()


def sent(spans: int = 1, **settings: Any) -> Received:
    """What a collector gets of so many spans, by the pipeline that these settings ask for."""
    person = someone_who_shares()
    with collector() as (address, received), override_settings(OTEL_EXPORTER_OTLP_ENDPOINT=address, **settings):
        running = pipeline.configured()
        try:
            for _ in range(spans):
                now = time.time_ns()
                running.record(
                    RecordedSpan(
                        Subject(person.pk, None, now, elapsed_ns()),
                        FeatureUse("test_run", "created"),
                        start_ns=now,
                        end_ns=now,
                        metadata={"test_count": 3},
                    )
                )
            running.flush()
        finally:
            running.stop()
    return received


def shape(request: tuple[dict[str, str], bytes]) -> object:
    """The request without what differs from one to the next: ids, times, pseudonyms, ports."""
    headers, body = request
    message = ExportTraceServiceRequest.FromString(body)
    (resource_spans,) = message.resource_spans
    spans = [
        (span.name, span.kind, sorted(attribute.key for attribute in span.attributes), bool(span.parent_span_id))
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
    return {**headers, "host": ""}, str(resource_spans.resource), spans


TRACES = {
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/hidden-word",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=hidden-word",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "/nowhere/hidden-word",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "0.000001",
}


def ignored(limit: str) -> dict[str, str]:
    """Each ignored variable with a value that would show."""
    names = [each.name.replace("*", "X") for each in EVERY_VARIABLE if each.fate is Fate.IGNORED]
    limits = {name: limit for name in names if "LIMIT" in name}
    return {**dict.fromkeys(names, "hidden-word"), **limits, **TRACES, "OTEL_TRACES_SAMPLER": "always_off"}


@pytest.mark.parametrize("limit", ["0", "hidden-word"])
def test_ignored_variables_change_nothing_that_is_sent(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (plain,) = sent()
    for name, value in ignored(limit).items():
        monkeypatch.setenv(name, value)
    (request,) = sent()
    assert shape(request) == shape(plain)
    assert b"hidden-word" not in request[1] and "hidden-word" not in str(request[0])


def test_resource_attributes_are_for_the_processor_s_measurements_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=hidden-word")
    ((_, body),) = sent()
    assert b"hidden-word" not in body


def test_headers_are_sent_decoded() -> None:
    ((headers, _),) = sent(
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic%20dXNlcjpwdw%3D%3D,x-two=2", OTEL_API_KEY="k"
    )
    assert (headers["authorization"], headers["x-two"], headers["x-api-key"]) == ("Basic dXNlcjpwdw==", "2", "k")


def test_gzip_is_gzip_and_what_is_not_understood_is_plain() -> None:
    ((headers, body),) = sent(OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    assert headers["content-encoding"] == "gzip"
    assert ExportTraceServiceRequest.FromString(gzip.decompress(body)).resource_spans
    ((headers, body),) = sent(OTEL_EXPORTER_OTLP_COMPRESSION="zstd")
    assert "content-encoding" not in headers and ExportTraceServiceRequest.FromString(body).resource_spans


def test_the_service_is_named() -> None:
    ((_, body),) = sent(OTEL_SERVICE_NAME="another-backend")
    assert b"another-backend" in body


@pytest.mark.parametrize(("written", "is_sent"), [("1.4.2-rc.1", True), ("main-4f87876", False), ("", False)])
def test_the_release_is_sent_if_it_is_one(written: str, is_sent: bool) -> None:
    ((_, body),) = sent(TELEMETRY_SERVICE_VERSION=written)
    assert (b"service.version" in body, b"1.4.2-rc.1" in body) == (is_sent, is_sent)
    assert b"4f87876" not in body


@pytest.mark.parametrize(
    ("settings", "batches"),
    [
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "256"}, [256]),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "300", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100"}, [100, 100, 100]),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "200", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096"}, [200]),
    ],
)
def test_the_queue_and_its_batches_are_as_large_as_is_asked_for(settings: dict[str, str], batches: list[int]) -> None:
    """The thread of the queue may begin a full batch before the flush: the sum is what is told for certain."""
    sizes = [
        sum(len(scope.spans) for resource in message.resource_spans for scope in resource.scope_spans)
        for message in (ExportTraceServiceRequest.FromString(body) for _, body in sent(sum(batches), **settings))
    ]
    assert sum(sizes) == sum(batches) and max(sizes) <= max(batches)


def test_a_short_schedule_delay_sends_without_a_flush() -> None:
    person = someone_who_shares()
    with (
        collector() as (address, received),
        override_settings(OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_BSP_SCHEDULE_DELAY="50"),
    ):
        running = pipeline.configured()
        now = time.time_ns()
        running.record(
            RecordedSpan(
                Subject(person.pk, None, now, elapsed_ns()),
                FeatureUse("test_run", "created"),
                start_ns=now,
                end_ns=now,
            )
        )
        deadline = time.monotonic() + 60
        while not received and time.monotonic() < deadline:
            time.sleep(0.05)
        running.stop()
    assert received
