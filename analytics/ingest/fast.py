"""The same as `plain`, several times faster: spans' attributes stay bytes, and most of those have been seen before.

A category, a method, a route, a person's pseudonym come again and again, each time as the same bytes. A bounded memo
gives their name and value without any protobuf message being made. What has none of our names is not remembered: it
may be anything, an address or a query, and of other people's spans it is not ours to keep even for a moment.
"""

from analytics import vocabulary as words
from analytics.ingest.plain import MAXIMUM_ATTRIBUTES, Spans, attribute, attributes
from analytics.ingest.verdicts import Attributes, Value
from analytics.ingest.wire import AttributesUnread, TextUnread

REMEMBERED = 32_768
LONGEST_REMEMBERED_BYTES = 256  # so the memo never holds more than a few MiB, whatever is sent
# Tags on the way from a request to a span's attribute: resource_spans, scope_spans, spans, attributes.
PATH = (b"\x0a", b"\x12", b"\x12", b"\x4a")


class _Memo(dict[bytes, tuple[str, Value]]):
    """KeyValue's bytes -> name and value. Emptied when full: what is in use is back at once."""

    def __missing__(self, raw: bytes) -> tuple[str, Value]:
        found = _decoded(raw)
        name, _ = found
        if len(raw) <= LONGEST_REMEMBERED_BYTES and (name in words.NAMES or name.startswith(words.METADATA_PREFIX)):
            if len(self) >= REMEMBERED:
                self.clear()
            self[raw] = found
        return found


_memo = _Memo()


def read(body: bytes) -> Spans:
    """As `plain.read`; a DecodeError may come only on the way, after some of the spans."""
    for resource_spans in AttributesUnread.FromString(body).resource_spans:
        yield (
            attributes(resource_spans.resource.attributes),
            ((span, _attributes(span)) for scope_spans in resource_spans.scope_spans for span in scope_spans.spans),
        )


def _attributes(span: object) -> Attributes | None:
    raw = span.attributes  # type: ignore[attr-defined]  # made at run time
    if len(raw) > MAXIMUM_ATTRIBUTES:
        # Not worth reading, but `plain` would have noticed if it could not be read.
        TextUnread.FromString(_wrapped(span.SerializeToString(), PATH[:3]))  # type: ignore[attr-defined]
        return None
    return dict([_memo[each] for each in raw])


def _decoded(raw: bytes) -> tuple[str, Value]:
    # As part of a whole request, because protobuf's limit of nesting counts from there.
    request = TextUnread.FromString(_wrapped(raw, PATH))
    return attribute(request.resource_spans[0].scope_spans[0].spans[0].attributes[0])


def _wrapped(raw: bytes, tags: tuple[bytes, ...]) -> bytes:
    for tag in reversed(tags):
        raw = tag + _varint(len(raw)) + raw
    return raw


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
