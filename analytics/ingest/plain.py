"""A request's spans by plain reading of protobuf's classes: what `fast` must agree with, for every input."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from analytics import vocabulary
from analytics.catalogue import Catalogue
from analytics.ingest.verdicts import UNUSABLE, Attributes, Value
from analytics.ingest.words import Words, words_of
from analytics.wire import TextUnread

# A span with whose it is and what it says; each resource's attributes with its spans.
Said = tuple[Any, Attributes, Words]
Spans = Iterator[tuple[Attributes, Iterator[Said]]]


def read(body: bytes, catalogue: Catalogue) -> Spans:
    """The spans of a request.

    Raises DecodeError for what is no ExportTraceServiceRequest; not for text that is no UTF-8, nor for deep nesting.
    """
    try:
        request: Any = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        request = TextUnread.FromString(body)
    for resource_spans in request.resource_spans:
        yield (
            attributes(resource_spans.resource.attributes),
            (_said(span, catalogue) for scope_spans in resource_spans.scope_spans for span in scope_spans.spans),
        )


def _said(span: Any, catalogue: Catalogue) -> Said:
    found = attributes(span.attributes)
    return span, identities(found), words_of(found, catalogue, kind=span.kind, is_error=is_error(span))


def is_error(span: Any) -> bool:
    return bool(span.status.code == Status.STATUS_CODE_ERROR)


def identities(found: Attributes) -> Attributes:
    """Those attributes that say whose the span is."""
    return {name: value for name, value in found.items() if name in vocabulary.IDENTITIES}


def attributes(pairs: Iterable[Any]) -> Attributes:
    """The attributes by name; of a repeated one the last."""
    return dict(attribute(pair) for pair in pairs)


def attribute(pair: Any) -> tuple[str, Value]:
    """Scalars as they are; arrays, maps, bytes and text that is no UTF-8, which none of ours has, as UNUSABLE."""
    # A name that is no UTF-8 is no name we know, but it may still begin like one of ours.
    key = pair.key if isinstance(pair.key, str) else pair.key.decode(errors="replace")
    match pair.value.WhichOneof("value"):
        case "string_value":
            return key, _text(pair.value.string_value)
        case "int_value":
            return key, pair.value.int_value
        case "double_value":
            return key, pair.value.double_value
        case "bool_value":
            return key, pair.value.bool_value
        case None:
            return key, None
        case _:
            return key, UNUSABLE


def _text(word: str | bytes) -> Value:
    if isinstance(word, str):
        return word
    try:
        return word.decode()
    except UnicodeDecodeError:
        return UNUSABLE
