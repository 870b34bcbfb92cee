"""What the row of a span is made of, known by what is left of it without its ids, times and people: its shape.

That a span is cut rightly is proved once for each shape: protobuf's own classes read the same bytes with marks in all
those places, and find each mark there and nothing else. As ids, times and people have a fixed length, what stands in
their places cannot change how the rest is read.

Shapes are remembered, a bounded number. What has a name that is not ours never is: it may be anything, an address or a
query, and of other people's spans it is not ours to keep even for a moment.
"""

from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics import vocabulary
from analytics.catalogue import Catalogue
from analytics.ingest import packing, plain
from analytics.ingest.layouts import LAYOUTS, PEOPLE, WORD_CHARACTERS, Layout, Left, Memo
from analytics.ingest.words import words_of
from analytics.vocabulary import Category

LONGEST_REMEMBERED_BYTES = 512  # so the memos never hold more than some MiB, whatever is sent
CATEGORIES = tuple(Category)
# How many columns a row has, how it ends, and which category it is of: its number in CATEGORIES.
Shape = tuple[int, bytes, int]
NAMES = frozenset(vocabulary.SPAN_NAMES.values())
# What stands in all the places that differ from span to span while a shape is proved.
MARK = Span(
    trace_id=b"a trace's marks.", span_id=b"a span's", start_time_unix_nano=2**63 + 1, end_time_unix_nano=2**63 + 2
)
MARKS = tuple(f"{name:*>{WORD_CHARACTERS}}" for name in PEOPLE)


class Shapes(Memo[Left, Shape]):
    """Of one layout, by one catalogue, for rows of one deployment type."""

    def __init__(self, layout: Layout, catalogue: Catalogue, deployment: str) -> None:
        super().__init__()
        self.cut, self._layout, self._catalogue, self._deployment = layout.cut, layout, catalogue, deployment

    def proved(self, left: Left) -> Shape | None:
        """The shape of what is left, which is remembered from now on.

        None if it is laid out differently, has a name that is not ours, or is not to be stored.
        """
        size = len(left[0]) + len(left[1])
        # Said again by the proof, and looked at here first because a proof is dear.
        is_named_as_ours = any(name.encode() in piece for name in NAMES for piece in left)
        span = _proved(self._layout, left) if is_named_as_ours and size <= LONGEST_REMEMBERED_BYTES else None
        if span is None:
            return None
        words = words_of(
            plain.attributes(span.attributes), self._catalogue, kind=span.kind, is_error=plain.is_error(span)
        )
        if (
            words.category is None
            or words.is_stock
            or words.is_erasure
            or words.reason
            or words.duration_ms is not None
            or words.dropped  # what was left out may be anything, and is not remembered either
        ):
            return None
        end = packing.end(self._deployment, words.metadata, words.columns)
        shape = packing.NUMBER_OF_COLUMNS[words.category], end, CATEGORIES.index(words.category)
        self.remember(left, shape)
        return shape


known: dict[str, tuple[Catalogue, dict[int, Shapes]]] = {}


def shapes_of(catalogue: Catalogue, deployment: str) -> dict[int, Shapes]:
    """By the first byte of a span."""
    found = known.get(deployment)
    if found is None or found[0] is not catalogue:
        shapes = {first: Shapes(layout, catalogue, deployment) for first, layout in LAYOUTS.items()}
        found = known[deployment] = catalogue, shapes
    return found[1]


def _proved(layout: Layout, left: Left) -> Span | None:
    """The span of these bytes, if it is cut rightly and all that it has is ours; see above."""
    times = MARK.start_time_unix_nano, MARK.end_time_unix_nano
    try:
        span = Span.FromString(layout.joined(left, (MARK.trace_id, MARK.span_id), times, MARKS))
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
    return span


def _size_of_unknown(span: Span) -> int:
    size = span.ByteSize()
    span.DiscardUnknownFields()
    return size - span.ByteSize()
