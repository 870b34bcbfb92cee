"""Decode a request's spans with protobuf's own classes: the reference that `fast` agrees with, for every input."""

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

UNUSABLE = b""  # an attribute that is no scalar
INVALID = b""  # of a pseudonym: the attribute is there, and is none
# A UUID of version 8 with or without its hyphens, or what older clients send: 16 digits, browsers of theirs 8.
PSEUDONYM = re.compile(
    r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1(?#version)8[0-9a-f]{3}\1(?#variant)[89ab][0-9a-f]{3}\1[0-9a-f]{12}"
    r"|[0-9a-f]{16}|[0-9a-f]{8}",
    re.IGNORECASE | re.ASCII,
)


class Judge(Protocol):
    """Judges one span of a resource."""

    def __call__(
        self,
        *,
        start_ns: int,  # since 1970
        end_ns: int,
        trace_id: bytes,
        span_id: bytes,
        user_id: bytes | None,  # pseudonyms have 16 bytes; None if there is none, or INVALID
        organization_id: bytes | None,
        session_id: bytes | None,
        duration: Value,  # of LEGACY_DURATION_MS
        content: Content,
    ) -> None: ...


# By the attributes of the resource.
JudgeOf = Callable[[Attributes], Judge]


def read(body: bytes, catalogue: Catalogue, judge: JudgeOf) -> None:
    """Have the spans of a request judged, in their order.

    Raises DecodeError for what is no ExportTraceServiceRequest; not for text that is no UTF-8, nor for deep nesting.
    """
    try:
        request: Any = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        request = TextUnread.FromString(body)
    spans(request, catalogue, judge)


def spans(request: Any, catalogue: Catalogue, judge: JudgeOf) -> None:
    """Of an ExportTraceServiceRequest, or of a TextUnread."""
    for resource_spans in request.resource_spans:
        of = judge(attributes(resource_spans.resource.attributes))
        for scope_spans in resource_spans.scope_spans:
            for each in scope_spans.spans:
                span(each, catalogue, of)


def span(message: Any, catalogue: Catalogue, judge: Judge) -> None:
    """One of `spans`."""
    found = attributes(message.attributes)
    failed = message.status.code == Status.STATUS_CODE_ERROR
    judged(message, found, content_of(found, catalogue, kind=message.kind, failed=failed), judge)


def judged(message: Any, found: Attributes, content: Content, judge: Judge) -> None:
    """Have a span judged by its decoded attributes."""
    judge(
        start_ns=message.start_time_unix_nano,
        end_ns=message.end_time_unix_nano,
        trace_id=message.trace_id,
        span_id=message.span_id,
        user_id=pseudonym(found.get(vocabulary.USER_ID)),
        organization_id=pseudonym(found.get(vocabulary.ORGANIZATION_ID)),
        session_id=pseudonym(found.get(vocabulary.SESSION_ID)),
        duration=found.get(vocabulary.LEGACY_DURATION_MS),
        content=content,
    )


def pseudonym(value: Value) -> bytes | None:
    """16 bytes; None for no value; INVALID for one that is no pseudonym, and for the one that is all zero."""
    if value is None:
        return None
    if not isinstance(value, str) or not PSEUDONYM.fullmatch(value):
        return INVALID
    parsed = bytes.fromhex(value.replace("-", "")).rjust(16, b"\0")
    return parsed if any(parsed) else INVALID


def attributes(pairs: Iterable[Any]) -> Attributes:
    """The attributes by name; of a repeated one the last."""
    return dict(attribute(pair) for pair in pairs)


def attribute(pair: Any) -> tuple[str, Value]:
    """Scalars as they are; arrays, maps, bytes and text that is no UTF-8, which none of ours has, as UNUSABLE."""
    # A name that is no UTF-8 is no name we know, but it may still begin like one of ours.
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
