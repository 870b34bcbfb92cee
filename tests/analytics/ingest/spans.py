"""Spans as different clients send them, and requests of them."""

import hmac
import os
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics.identity import commitment
from analytics.vocabulary import SPAN_NAMES
from tests.collector.spans import RESOURCE, Value, attributes, request

PERSON = "5f0c4d7e-1111-8000-8000-000000000001"
ORGANIZATION = "5f0c4d7e-2222-8000-8000-000000000002"
SESSION = "5f0c4d7e-3333-8000-8000-000000000003"
SECRET = bytes(range(32))  # of somebody who asks for deletion
SECOND_NS = 1_000_000_000
NAMES: dict[Value, str] = {category.value: name for category, name in SPAN_NAMES.items()}

LOGIN: dict[str, Value] = {
    "event.category": "user_activity",
    "user.id": PERSON,
    "organization.id": ORGANIZATION,
    "session.id": SESSION,
    "event.type": "login",
    "metadata.method": "password",
}
ERASURE: dict[str, Value] = {
    "event.category": "user_activity",
    "event.type": "erasure_requested",
    "user.id": str(commitment(SECRET)),
    "erasure.secret": SECRET.hex(),
}
REQUEST: dict[str, Value] = {
    "event.category": "endpoint_usage",
    "user.id": PERSON,
    "organization.id": ORGANIZATION,
    "http.request.method": "GET",
    "http.route": "/api/tests/<uuid:id>/",
    "http.response.status_code": 200,
}
TEST_RUN: dict[str, Value] = {
    "event.category": "feature_usage",
    "user.id": PERSON,
    "organization.id": ORGANIZATION,
    "feature.name": "test_run",
    "feature.action": "created",
    "metadata.test_count": 3,
}
# What Rhesis's first telemetry sent: ids of 16 digits, numbers as text, the old names of HTTP's attributes.
OLD_REQUEST: dict[str, Value] = {
    "event.category": "endpoint_usage",
    "user.id": "0123456789abcdef",
    "organization.id": "fedcba9876543210",
    "http.method": "POST",
    "http.route": "/tests/{id}",
    "http.status_code": "201",
    "duration_ms": "12.5",
}
VOUCHER_KEY = "a key of vouchers for tests"
# For PERSON, at any time.
VOUCHER = (
    "0.99999999999."
    + hmac.digest(VOUCHER_KEY.encode(), f"voucher\0{UUID(PERSON).hex}\x000\x0099999999999".encode(), "sha256").hex()[
        :32
    ]
)
VOUCHED_LOGIN: dict[str, Value] = {**LOGIN, "telemetry.voucher": VOUCHER}
# What OpenTelemetry's instrumentation of another language makes of a request, with a user put on it.
STOCK_REQUEST: dict[str, Value] = {
    "user.id": PERSON,
    "http.request.method": "GET",
    "http.route": "/owners/{ownerId}",
    "http.response.status_code": 200,
    "url.path": "/owners/7",
    "url.scheme": "https",
    "server.address": "petclinic.example",
    "client.address": "192.0.2.7",
    "user_agent.original": "curl/8.5",
    "network.protocol.version": "1.1",
}


def span(values: dict[str, Value] = TEST_RUN, **fields: Any) -> Span:
    """A new span with these attributes, that began a second ago and took a quarter of one; or as `fields` say.

    Laid out as the site's own, if `values` are.
    """
    start = fields.pop("start_time_unix_nano", time.time_ns() - SECOND_NS)
    is_request = "http.request.method" in values or "http.method" in values
    named = {
        "trace_id": os.urandom(16),
        "span_id": os.urandom(8),
        "name": NAMES.get(values.get("event.category", ""), "a span"),
        "kind": Span.SPAN_KIND_SERVER if is_request else Span.SPAN_KIND_INTERNAL,
        "start_time_unix_nano": start,
        "end_time_unix_nano": start + SECOND_NS // 4 if start else 0,
        "attributes": attributes(values),
    }
    return Span(**{**named, **fields})


def of(*spans: Span, resource: dict[str, Value] | None = None) -> ExportTraceServiceRequest:
    return request(spans, RESOURCE if resource is None else resource)


def nanoseconds(moment: datetime) -> int:
    return int((moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * SECOND_NS
