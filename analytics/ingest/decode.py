"""Decodes a request's spans with protobuf's own classes. `fast` must agree with this reference for every input."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from analytics import vocabulary
from analytics.catalogue import Catalogue
from analytics.events import Attributes, Value
from analytics.ingest.content import Content, content_of
from analytics.wire import TextUnread

UNUSABLE = b""  # value of an attribute that is not a scalar
INVALID = b""  # an attribute that should be a pseudonym and is not
# A UUID of version 8, with or without hyphens; or 16 hexadecimal digits of an older client, or 8 of its browsers.
PSEUDONYM = re.compile(
    r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1(?#version)8[0-9a-f]{3}\1(?#variant)[89ab][0-9a-f]{3}\1[0-9a-f]{12}"
    r"|[0-9a-f]{16}|[0-9a-f]{8}",
    re.IGNORECASE | re.ASCII,
)


class Judge(Protocol):
    """Judge of the spans of one resource; each call judges one span."""

    def __call__(
        self,
        *,
        start_ns: int,  # since 1970
        end_ns: int,
        trace_id: bytes,
        span_id: bytes,
        user_id: bytes | None,  # a pseudonym of 16 bytes, INVALID, or None without the attribute
        organization_id: bytes | None,
        session_id: bytes | None,
        duration: Value,  # value of LEGACY_DURATION_MS
        voucher: Value,
        content: Content,
    ) -> None: ...


# Attributes of a resource -> judge of its spans.
JudgeOf = Callable[[Attributes], Judge]


def read(body: bytes, catalogue: Catalogue, judge: JudgeOf) -> None:
    """Decode the spans of a request and call the judge for each, in order.

    Raises DecodeError if the body is not an ExportTraceServiceRequest. Text that is not UTF-8 and deep nesting are not
    errors.
    """
    try:
        request: Any = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        request = TextUnread.FromString(body)
    spans(request, catalogue, judge)


def spans(request: Any, catalogue: Catalogue, judge: JudgeOf) -> None:
    """Judge the spans of an ExportTraceServiceRequest or a TextUnread."""
    for resource_spans in request.resource_spans:
        of = judge(attributes(resource_spans.resource.attributes))
        for scope_spans in resource_spans.scope_spans:
            for each in scope_spans.spans:
                span(each, catalogue, of)


def span(message: Any, catalogue: Catalogue, judge: Judge) -> None:
    """Judge one of these spans."""
    found = attributes(message.attributes)
    failed = message.status.code == Status.STATUS_CODE_ERROR
    judged(message, found, content_of(found, catalogue, kind=message.kind, failed=failed), judge)


def judged(message: Any, found: Attributes, content: Content, judge: Judge) -> None:
    """Call the judge with the fields and the decoded attributes of a span."""
    judge(
        start_ns=message.start_time_unix_nano,
        end_ns=message.end_time_unix_nano,
        trace_id=message.trace_id,
        span_id=message.span_id,
        user_id=pseudonym(found.get(vocabulary.USER_ID)),
        organization_id=pseudonym(found.get(vocabulary.ORGANIZATION_ID)),
        session_id=pseudonym(found.get(vocabulary.SESSION_ID)),
        duration=found.get(vocabulary.LEGACY_DURATION_MS),
        voucher=found.get(vocabulary.VOUCHER),
        content=content,
    )


def pseudonym(value: Value) -> bytes | None:
    """Parse a pseudonym: 16 bytes, None without a value, INVALID for any other value and for all zeros."""
    if value is None:
        return None
    if not isinstance(value, str) or not PSEUDONYM.fullmatch(value):
        return INVALID
    parsed = bytes.fromhex(value.replace("-", "")).rjust(16, b"\0")
    return parsed if any(parsed) else INVALID


def attributes(pairs: Iterable[Any]) -> Attributes:
    """Return the attributes by name; the last one of a name counts."""
    return dict(attribute(pair) for pair in pairs)


def attribute(pair: Any) -> tuple[str, Value]:
    """Return name and value. Arrays, maps, bytes and text that is not UTF-8 are UNUSABLE: no event has such values."""
    # A name that is not UTF-8 is unknown, but it may begin like a known one.
    name = pair.key if isinstance(pair.key, str) else pair.key.decode(errors="replace")
    value = pair.value
    match value.WhichOneof("value"):
        case "string_value":
            return name, _text(value.string_value)
        case "int_value":
            return name, value.int_value
        case "double_value":
            return name, value.double_value
        case "bool_value":
            return name, value.bool_value
        case None:
            return name, None
        case _:
            return name, UNUSABLE


def _text(text: str | bytes) -> Value:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError:
        return UNUSABLE
