"""What a browser sent, as OTLP over HTTP: JSON or protobuf, read into plain spans.

OTLP/JSON writes ids in hexadecimal where protobuf's own JSON expects base64, and sixteen bytes of hexadecimal are valid
base64 of other bytes: read as they are, they would give wrong ids without an error. So they are converted first.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

Value = str | int | float | bool | None
ID_FIELDS = {"traceId": 16, "spanId": 8}
# Ours have none of these, and they hold ids as well.
UNUSED_FIELDS = ("parentSpanId", "links", "events")


class Encoding(StrEnum):
    """By content type."""

    JSON = "application/json"
    PROTOBUF = "application/x-protobuf"


class UnreadableBody(Exception):
    """The body is not OTLP; the message says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class BrowserSpan:
    """One span as it came. Ids are bytes of any length; values that are no scalars are None."""

    trace_id: bytes
    span_id: bytes
    start_ns: int
    attributes: dict[str, Value]


def read(body: bytes, encoding: Encoding) -> list[BrowserSpan]:
    """Raises UnreadableBody."""
    request = _from_json(body) if encoding is Encoding.JSON else _from_protobuf(body)
    return [
        BrowserSpan(
            span.trace_id,
            span.span_id,
            span.start_time_unix_nano,
            {pair.key: _scalar(pair.value) for pair in span.attributes},
        )
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def _from_protobuf(body: bytes) -> ExportTraceServiceRequest:
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise UnreadableBody("the body is not an OTLP request in protobuf") from None


def _from_json(body: bytes) -> ExportTraceServiceRequest:
    try:
        data = json.loads(body)
        for span in _spans_of(data):
            _convert_ids(span)
        return ParseDict(data, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError):
        # json_format lets some of Python's own errors through for values of a wrong type.
        raise UnreadableBody("the body is not an OTLP request in JSON") from None


def _spans_of(data: Any) -> Iterator[dict[str, Any]]:
    for resource_spans in data.get("resourceSpans", []):
        for scope_spans in resource_spans.get("scopeSpans", []):
            yield from scope_spans.get("spans", [])


def _convert_ids(span: dict[str, Any]) -> None:
    for name in UNUSED_FIELDS:
        span.pop(name, None)
    for name, length in ID_FIELDS.items():
        raw = bytes.fromhex(span[name]) if name in span else b""
        if len(raw) != length:
            raise UnreadableBody(f"a {name} is not {length} bytes in hexadecimal")
        span[name] = base64.b64encode(raw).decode()


def _scalar(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "bool_value":
            return value.bool_value
        case _:
            return None
