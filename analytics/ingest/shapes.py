"""What recurs of the spans laid out as ours: pseudonyms as they are written, and shapes.

A shape is what is left of a span without its ids, times and people. Bounded memos know by its bytes how the row of such
a span begins and ends. What has a name that is not ours is never remembered: it may be anything, an address or a query,
and of other people's spans it is not ours to keep even for a moment.
"""

from collections.abc import Callable
from struct import Struct
from typing import TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics import vocabulary
from analytics.catalogue import Catalogue
from analytics.ingest import packing, plain
from analytics.ingest.rows import pseudonym, session
from analytics.ingest.verdicts import Attributes, Reason, Rejected
from analytics.ingest.words import Words, words_of
from analytics.vocabulary import Category

REMEMBERED = 32_768
LONGEST_REMEMBERED_BYTES = 512  # so the memos never hold more than some MiB, whatever is sent
Key = TypeVar("Key")
Meaning = TypeVar("Meaning")
# How a row begins and ends, and which category it is of: its number in CATEGORIES.
Shape = tuple[packing.Begin, bytes, int]
CATEGORIES = tuple(Category)

# A span of ours: trace_id and span_id; name and kind; start_time_unix_nano and end_time_unix_nano; attributes.
TRACE_ID, SPAN_ID, START, END, ATTRIBUTE = 0x0A, 0x12, b"\x39", 0x41, b"\x4a"
TIMES = Struct("<QBQ")  # what follows START
IDS_BYTES, TIMES_BYTES = 2 + 16 + 2 + 8, 1 + TIMES.size
WORD_CHARACTERS = 36
NAMES = frozenset(vocabulary.SPAN_NAMES.values())
# What stands in all the places that differ from span to span while a shape is proved.
MARK = Span(
    trace_id=b"a trace's marks.", span_id=b"a span's", start_time_unix_nano=2**63 + 1, end_time_unix_nano=2**63 + 2
)
PEOPLE = (vocabulary.USER_ID, vocabulary.ORGANIZATION_ID, vocabulary.SESSION_ID)
MARKS = tuple(f"{name:*>{WORD_CHARACTERS}}" for name in PEOPLE)


def field(tag: bytes, content: bytes) -> bytes:
    length, number = bytearray(), len(content)
    while number > 0x7F:
        length.append(number & 0x7F | 0x80)
        number >>= 7
    return tag + bytes([*length, number]) + content


class _Memo(dict[Key, Meaning]):
    """Emptied when full: what is in use is back at once."""

    def remember(self, key: Key, meaning: Meaning) -> None:
        if len(self) >= REMEMBERED:
            self.clear()
        self[key] = meaning


class Pseudonyms(_Memo[bytes, bytes]):
    """The bytes of an attribute that says whose a span is -> as it is stored; None if it is not written as we do."""

    def __init__(self, name: str, stored: Callable[[bytes | None], bytes | None]) -> None:
        super().__init__()
        self._stored = stored
        word = KeyValue(key=name, value=AnyValue(string_value="0" * WORD_CHARACTERS))
        self._before = field(ATTRIBUTE, word.SerializeToString()).removesuffix(b"0" * WORD_CHARACTERS)
        self.size, self.length_byte = len(self._before) + WORD_CHARACTERS, self._before[1]

    def __missing__(self, raw: bytes) -> bytes | None:
        word = raw.removeprefix(self._before)
        if len(raw) != self.size or len(word) != WORD_CHARACTERS:
            return None
        try:
            found = self._stored(pseudonym(word.decode("ascii"), Reason.BAD_USER))
        except (UnicodeDecodeError, Rejected):
            return None
        if found is not None:
            self.remember(raw, found)
        return found

    def written(self, word: str) -> bytes:
        """The attribute with this word, of WORD_CHARACTERS."""
        return self._before + word.encode()


class Shapes(_Memo[tuple[bytes, bytes], Shape]):
    """What a span is made of but its ids, times and people -> how its row is made."""

    def __init__(self, catalogue: Catalogue, deployment: str) -> None:
        super().__init__()
        self.catalogue, self.deployment = catalogue, deployment

    def proved(self, before: bytes, head: bytes, rest: bytes) -> Shape | None:
        """The shape of what is made of these bytes, before the times and before and after whose it is.

        None if it is laid out differently, has a name that is not ours, or is not to be stored.
        """
        # Said again by the proof, and looked at here first because a proof is dear.
        is_named_as_ours = any(name.encode() in before for name in NAMES)
        if not is_named_as_ours or len(before) + len(head) + len(rest) > LONGEST_REMEMBERED_BYTES:
            return None
        said = _proved(before, head, rest)
        words = words_of(said, self.catalogue) if said else Words()
        if (
            words.category is None
            or words.is_stock
            or words.is_erasure
            or words.reason
            or words.duration_ms is not None
        ):
            return None
        end = packing.end(self.deployment, words.metadata, words.columns)
        shape = packing.BEGIN[words.category], end, CATEGORIES.index(words.category)
        self.remember((before, head + rest), shape)
        return shape


users = Pseudonyms(vocabulary.USER_ID, lambda found: found)
organizations = Pseudonyms(vocabulary.ORGANIZATION_ID, lambda found: found)
sessions = Pseudonyms(vocabulary.SESSION_ID, session)
known: dict[str, Shapes] = {}


def _proved(before: bytes, head: bytes, rest: bytes) -> Attributes | None:
    """What a span of these bytes says, if it is cut rightly and all that it has is ours; see above."""
    marked = b"".join(
        (
            bytes([TRACE_ID, 16, *MARK.trace_id, SPAN_ID, 8, *MARK.span_id]),
            before,
            START,
            TIMES.pack(MARK.start_time_unix_nano, END, MARK.end_time_unix_nano),
            head,
            *(memo.written(word) for memo, word in zip((users, organizations, sessions), MARKS, strict=True)),
            rest,
        )
    )
    try:
        span = Span.FromString(marked)
    except DecodeError:
        return None
    # All that may be there, and nothing else: no event, no link, no state, no text of a status, nothing unknown.
    expected = Span(name=span.name, kind=span.kind, flags=span.flags, attributes=span.attributes)
    expected.MergeFrom(MARK)
    if span.HasField("status"):
        expected.status.code = span.status.code
    names = [pair.key for pair in span.attributes]
    own = names[:1] + names[4:]
    if (
        span != expected
        or _size_of_unknown(span)
        or span.name not in NAMES
        or [(pair.key, pair.value.string_value) for pair in span.attributes[1:4]]
        != list(zip(PEOPLE, MARKS, strict=True))
        or not all(name in vocabulary.WORDS or name.startswith(vocabulary.METADATA_PREFIX) for name in own)
    ):
        return None
    return plain.attributes(span.attributes)


def _size_of_unknown(span: Span) -> int:
    size = span.ByteSize()
    span.DiscardUnknownFields()
    return size - span.ByteSize()


def shapes_of(catalogue: Catalogue, deployment: str) -> Shapes:
    shapes = known.get(deployment)
    if shapes is None or shapes.catalogue is not catalogue:
        shapes = known[deployment] = Shapes(catalogue, deployment)
    return shapes
