"""The same as `plain`, several times faster: spans' attributes stay bytes, and most of those have been seen before.

A person, a route, a status come again and again, each time as the same bytes. Bounded memos know them: what an
attribute says by its bytes, and what a whole span says, except whose it is, by the bytes of all its other attributes,
without a look at any of them. What has none of our names is never remembered: it may be anything, an address or a
query, and of other people's spans it is not ours to keep even for a moment.
"""

from itertools import compress
from operator import not_
from typing import Any, TypeVar

from analytics import vocabulary
from analytics.catalogue import Catalogue
from analytics.ingest.plain import MAXIMUM_ATTRIBUTES, Said, Spans, attribute, attributes, identities
from analytics.ingest.verdicts import Value
from analytics.ingest.wire import AttributesUnread, TextUnread
from analytics.ingest.words import Words, words_of

REMEMBERED = 32_768
LONGEST_REMEMBERED_BYTES = 256  # so the memos never hold more than some MiB, whatever is sent
MOST_REMEMBERED_ATTRIBUTES = 8
Key = TypeVar("Key")
Meaning = TypeVar("Meaning")
# Tags on the way from a request to a span's attribute: resource_spans, scope_spans, spans, attributes.
PATH = (b"\x0a", b"\x12", b"\x12", b"\x4a")


class _Memo(dict[Key, Meaning]):
    """Emptied when full: what is in use is back at once."""

    def remember(self, raw: Key, meaning: Meaning) -> None:
        if len(self) >= REMEMBERED:
            self.clear()
        self[raw] = meaning


class _Attributes(_Memo[bytes, tuple[str, Value]]):
    """The bytes of an attribute -> its name and value."""

    def __missing__(self, raw: bytes) -> tuple[str, Value]:
        found = _decoded(raw)
        if len(raw) <= LONGEST_REMEMBERED_BYTES:
            if found[0] in vocabulary.IDENTITIES:
                _identities.remember(raw, found)
            elif _is_word(found[0]):
                self.remember(raw, found)
        return found


class _Words(_Memo[tuple[bytes, ...], Words]):
    """The bytes of all attributes of a span but its identities -> what it says, by one catalogue."""

    def __init__(self, catalogue: Catalogue | None) -> None:
        super().__init__()
        self.catalogue = catalogue


# Of those that say whose a span is; and of the others.
_identities: _Memo[bytes, tuple[str, Value]] = _Memo()
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
            (_said(span, words, catalogue) for scope_spans in resource_spans.scope_spans for span in scope_spans.spans),
        )


def _said(span: Any, remembered: _Words, catalogue: Catalogue) -> Said:
    raw = span.attributes[:]
    if len(raw) > MAXIMUM_ATTRIBUTES:
        # Not worth reading, but `plain` would have noticed if it could not be read.
        TextUnread.FromString(_wrapped(span.SerializeToString(), PATH[:3]))
        return span, {}, None
    if len(raw) > 3:
        # Where our own exporter puts them: the category, whose it is, and all the rest. A wrong guess does no harm:
        # among the words that are remembered there is no identity.
        user, organization = _identities.get(raw[1]), _identities.get(raw[2])
        if user is not None and organization is not None:
            words = remembered.get((raw[0], *raw[3:]))
            if words is not None:
                return span, dict((user, organization)), words
    known = list(map(_identities.get, raw))
    words = remembered.get(tuple(compress(raw, map(not_, known))))
    if words is not None:
        return span, dict(filter(None, known)), words
    pairs = [pair or _attributes[each] for each, pair in zip(raw, known, strict=True)]
    # By their names now: an identity that was not known yet is among them no longer.
    others = [(each, name) for each, (name, _) in zip(raw, pairs, strict=True) if name not in vocabulary.IDENTITIES]
    key, found = tuple(each for each, _ in others), dict(pairs)
    words = remembered.get(key)
    if words is None:
        words = words_of(found, catalogue)
        if _is_worth_remembering(key) and all(_is_word(name) for _, name in others):
            remembered.remember(key, words)
    return span, identities(found), words


def _is_worth_remembering(raw: tuple[bytes, ...]) -> bool:
    return len(raw) <= MOST_REMEMBERED_ATTRIBUTES and sum(map(len, raw)) <= LONGEST_REMEMBERED_BYTES


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
