"""Requests as a client of any language would make them."""

import os
import time
from collections.abc import Iterable, Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

RESOURCE = {"service.name": "rhesis-backend", "service.version": "0.1.0", "deployment.type": "self_hosted"}
Value = str | int | float | bool


def attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(string_value=value)


def of_test_run(user_id: str, number: int) -> Span:
    """A span of its own kind that carries `number`."""
    now = time.time_ns()
    return Span(
        trace_id=os.urandom(16),
        span_id=os.urandom(8),
        name="feature.usage",
        start_time_unix_nano=now,
        end_time_unix_nano=now,
        attributes=attributes(
            {
                "event.category": "feature_usage",
                "user.id": user_id,
                "feature.name": "test_run",
                "feature.action": "created",
                "metadata.test_count": number,
            }
        ),
    )


def request(spans: Iterable[Span], resource: Mapping[str, Value] = RESOURCE) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(resource=Resource(attributes=attributes(resource)), scope_spans=[ScopeSpans(spans=spans)])
        ]
    )
