"""Parses a browser's OTLP request, JSON or protobuf, into plain spans.

Each span is parsed separately: an invalid one becomes UNREADABLE and does not affect the others. OTLP/JSON has ids in
hexadecimal, while protobuf's own JSON expects base64; hexadecimal ids are also valid base64, of wrong bytes. They are
therefore converted first.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics.events import Value
from analytics.wire import SpansUnread

ID_FIELDS = ("traceId", "spanId")
# The fields read from a span; all others are ignored.
FIELDS = (*ID_FIELDS, "startTimeUnixNano", "attributes")
DEEPEST = 64  # levels of JSON; the value of a span's attribute is at level 12
LONGEST_INTEGER = 40  # digits; OTLP's have 20
UNREADABLE = None
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


class Encoding(StrEnum):
    """By content type."""

    JSON = "application/json"
    PROTOBUF = "application/x-protobuf"


class UnreadableBody(Exception):
    """The body is not OTLP; the message has the reason and quotes nothing."""


@dataclass(frozen=True, slots=True)
class BrowserSpan:
    """One parsed span. Ids are bytes of any length; non-scalar values are None."""

    trace_id: bytes
    span_id: bytes
    start_ns: int
    attributes: dict[str, Value]


def read(body: bytes, encoding: Encoding) -> list[BrowserSpan | None]:
    """Parse the spans, with UNREADABLE for invalid ones. Raises UnreadableBody if the body is no request."""
    return list(_from_json(body) if encoding is Encoding.JSON else _from_protobuf(body))


def _from_protobuf(body: bytes) -> Iterator[BrowserSpan | None]:
    try:
        request = SpansUnread.FromString(body)
    except DecodeError:
        raise UnreadableBody("the body is not an OTLP request in protobuf") from None
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for raw in scope_spans.spans:
                try:
                    yield _plain(Span.FromString(raw))
                except DecodeError:
                    yield UNREADABLE


def _from_json(body: bytes) -> Iterator[BrowserSpan | None]:
    data = _loaded(body)
    if not isinstance(data, dict) or not isinstance(data.get("resourceSpans", []), list):
        raise UnreadableBody("the body is not an OTLP request in JSON")
    # A value of the wrong type in place of a list or a message counts as one unreadable span.
    for resource_spans in data.get("resourceSpans", []):
        for scope_spans in _list_in(resource_spans, "scopeSpans"):
            for span in _list_in(scope_spans, "spans"):
                yield _from_object(span)


def _list_in(message: Any, name: str) -> list[Any]:
    found = message.get(name, []) if isinstance(message, dict) else UNREADABLE
    return found if isinstance(found, list) else [UNREADABLE]


def _from_object(span: Any) -> BrowserSpan | None:
    if not isinstance(span, dict):
        return UNREADABLE
    wanted = {name: span[name] for name in FIELDS if name in span}
    try:
        for name in ID_FIELDS:
            wanted[name] = base64.b64encode(bytes.fromhex(wanted.get(name, ""))).decode()
        return _plain(ParseDict(wanted, Span(), ignore_unknown_fields=True))
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError, SystemError):
        # json_format lets Python's own errors through: for values of a wrong type, and for half a character in text
        # (ValueError) or in the name of a field (SystemError).
        return UNREADABLE


def _loaded(body: bytes) -> Any:
    try:
        try:
            return json.loads(_text(body), parse_int=_integer)
        except RecursionError:
            return json.loads(_text(_pruned(body)), parse_int=_integer)
    except (ValueError, RecursionError):
        raise UnreadableBody("the body is not an OTLP request in JSON") from None


def _text(body: bytes) -> str:
    """Decode with surrogates for invalid UTF-8, so that it invalidates its span instead of the request."""
    encoding = json.detect_encoding(body)
    return body.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "strict")


def _integer(digits: str) -> int | str:
    """Text instead of a number too long for OTLP; Python would reject the whole body for it."""
    return int(digits) if len(digits) <= LONGEST_INTEGER else "too long"


def _pruned(body: bytes) -> bytes:
    """The body with null in place of values nested deeper than DEEPEST."""
    kept, depth, begin = [], 0, 0
    for token in _TOKENS.finditer(body):
        match token[0][:1]:
            case b"[" | b"{":
                depth += 1
                if depth == DEEPEST + 1:
                    kept += [body[begin : token.start()], b"null"]
            case b"]" | b"}":
                depth -= 1
                if depth == DEEPEST:
                    begin = token.end()
    return b"".join([*kept, body[begin:] if depth <= DEEPEST else b""])


def _plain(span: Span) -> BrowserSpan:
    return BrowserSpan(
        span.trace_id,
        span.span_id,
        span.start_time_unix_nano,
        {pair.key: _scalar(pair.value) for pair in span.attributes},
    )


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
