"""The same as `plain`, several times faster: spans' attributes stay bytes, and most of those have been seen before.

A category, a method, a route come again and again, each time as the same bytes. Two bounded memos know them: one gives
an attribute's name and value, the other all that a span's attributes say, except whose it is, without a look at any of
them. What has none of our names is remembered by neither: it may be anything, an address or a query, and of other
people's spans it is not ours to keep even for a moment.
"""

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from analytics import vocabulary
from analytics.catalogue import Catalogue
from analytics.ingest.plain import MAXIMUM_ATTRIBUTES, Spans, attribute, attributes, identities
from analytics.ingest.verdicts import Attributes, Value
from analytics.ingest.wire import AttributesUnread, TextUnread
from analytics.ingest.words import Words, words_of

REMEMBERED = 32_768
LONGEST_REMEMBERED_BYTES = 256  # so the memos never hold more than some MiB, whatever is sent
MOST_REMEMBERED_ATTRIBUTES = 8
# Tags on the way from a request to a span's attribute: resource_spans, scope_spans, spans, attributes.
PATH = (b"\x0a", b"\x12", b"\x12", b"\x4a")
# How an attribute of each such name begins, as everybody writes it.
IDENTITIES = tuple(KeyValue(key=name).SerializeToString() for name in vocabulary.IDENTITIES)


class _Attributes(dict[bytes, tuple[str, Value]]):
    """KeyValue's bytes -> name and value. Emptied when full: what is in use is back at once."""

    def __missing__(self, raw: bytes) -> tuple[str, Value]:
        found = _decoded(raw)
        if len(raw) <= LONGEST_REMEMBERED_BYTES and (_is_word(found[0]) or found[0] in vocabulary.IDENTITIES):
            if len(self) >= REMEMBERED:
                self.clear()
            self[raw] = found
        return found


class _Words(dict[tuple[bytes, ...], Words]):
    """What spans say: the bytes of all their attributes, less the identities, -> Words. Emptied when full, too."""

    def __init__(self, catalogue: Catalogue | None) -> None:
        super().__init__()
        self.catalogue = catalogue

    def remember(self, raw: tuple[bytes, ...], words: Words) -> None:
        if len(raw) <= MOST_REMEMBERED_ATTRIBUTES and sum(map(len, raw)) <= LONGEST_REMEMBERED_BYTES:
            if len(self) >= REMEMBERED:
                self.clear()
            self[raw] = words


_attributes = _Attributes()
_words = _Words(None)


def read(body: bytes, catalogue: Catalogue) -> Spans:
    """As `plain.read`; a DecodeError may come only on the way, after some of the spans."""
    global _words  # noqa: PLW0603  another catalogue, other words
    if _words.catalogue is not catalogue:
        _words = _Words(catalogue)
    words = _words
    for resource_spans in AttributesUnread.FromString(body).resource_spans:
        yield (
            attributes(resource_spans.resource.attributes),
            (
                (span, *_said(span, words, catalogue))
                for scope_spans in resource_spans.scope_spans
                for span in scope_spans.spans
            ),
        )


def _said(span: Any, remembered: _Words, catalogue: Catalogue) -> tuple[Attributes, Words | None]:
    if len(span.attributes) > MAXIMUM_ATTRIBUTES:
        # Not worth reading, but `plain` would have noticed if it could not be read.
        TextUnread.FromString(_wrapped(span.SerializeToString(), PATH[:3]))
        return {}, None
    raw = list(span.attributes)
    others = tuple([each for each in raw if not each.startswith(IDENTITIES)])
    known = remembered.get(others)
    if known is not None:
        found = dict([_attributes[each] for each in raw if each.startswith(IDENTITIES)])
        # Bytes that begin like an identity may still go on to say that they are something else.
        if found.keys() <= vocabulary.IDENTITIES:
            return found, known
    everything = dict([_attributes[each] for each in raw])
    words = words_of(everything, catalogue)
    if all(_attributes[each][0] in vocabulary.IDENTITIES for each in raw if each.startswith(IDENTITIES)) and all(
        _is_word(_attributes[each][0]) for each in others
    ):
        remembered.remember(others, words)
    return identities(everything), words


def _is_word(name: str) -> bool:
    return name in vocabulary.WORDS or name.startswith(vocabulary.METADATA_PREFIX)


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
