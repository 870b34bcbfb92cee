"""The same verdicts as by `plain`, many times faster, for spans that are laid out as this project's own are.

On the wire such a span is its ids, its name, its times, its category, whose it is, and what happened. What is left of
it without ids, times and people, its *shape*, comes again and again, byte for byte. A bounded memo knows by a shape how
the row of such a span ends; then a span is cut where our own exporter and the Collector put things, looked up, and its
row put together without a look at any attribute.

A cut is a guess. It is proved once for each shape (`_proved`): protobuf's own classes read the same bytes with marks in
all those places, and find each mark there and nothing else. As ids, times and people have a fixed length, what stands
in their places cannot change how the rest is read. All that is laid out differently, or is not to be stored, is judged
the plain way. What has a name that is not ours is never remembered: it may be anything, an address or a query, and of
other people's spans it is not ours to keep even for a moment.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from struct import Struct, error
from typing import TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics import vocabulary
from analytics.catalogue import Catalogue
from analytics.ingest import packing, plain
from analytics.ingest.rows import (
    NO_SPAN_ID,
    NO_TRACE_ID,
    deployment_of,
    judge,
    pseudonym,
    row_id,
    session,
    window,
)
from analytics.ingest.verdicts import Attributes, Reason, Rejected, Verdicts
from analytics.ingest.wire import SpansUnread
from analytics.ingest.words import LONGEST_DURATION_MS, Words, words_of
from analytics.vocabulary import Category
from privacy.switches import DeploymentType

REMEMBERED = 32_768
LONGEST_REMEMBERED_BYTES = 512  # so the memos never hold more than some MiB, whatever is sent
Key = TypeVar("Key")
Meaning = TypeVar("Meaning")
# How a row begins and ends, and which category it is of: its number in CATEGORIES.
Shape = tuple[packing.Begin, bytes, int]
CATEGORIES = tuple(Category)
REQUEST = CATEGORIES.index(Category.ENDPOINT_USAGE)

# Tags on the way from a span to the request: spans, scope_spans, resource_spans.
PATH = (b"\x12", b"\x12", b"\x0a")
# A span of ours: trace_id and span_id; name and kind; start_time_unix_nano and end_time_unix_nano; attributes.
TRACE_ID, SPAN_ID, START, END, ATTRIBUTE = 0x0A, 0x12, b"\x39", 0x41, b"\x4a"
_times = Struct("<QBQ")
IDS_BYTES, TIMES_BYTES = 2 + 16 + 2 + 8, 1 + _times.size
WORD_CHARACTERS = 36
_read_plainly = plain.read
NAMES = frozenset(vocabulary.SPAN_NAMES.values())
# What stands in all the places that differ from span to span while a shape is proved.
MARK = Span(
    trace_id=b"a trace's marks.", span_id=b"a span's", start_time_unix_nano=2**63 + 1, end_time_unix_nano=2**63 + 2
)
PEOPLE = (vocabulary.USER_ID, vocabulary.ORGANIZATION_ID, vocabulary.SESSION_ID)
MARKS = tuple(f"{name:*>{WORD_CHARACTERS}}" for name in PEOPLE)


def _field(tag: bytes, content: bytes) -> bytes:
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


class _Pseudonyms(_Memo[bytes, bytes]):
    """The bytes of an attribute that says whose a span is -> as it is stored; None if it is not written as we do."""

    def __init__(self, name: str, stored: Callable[[bytes | None], bytes | None]) -> None:
        super().__init__()
        self._stored = stored
        word = KeyValue(key=name, value=AnyValue(string_value="0" * WORD_CHARACTERS))
        self._before = _field(ATTRIBUTE, word.SerializeToString()).removesuffix(b"0" * WORD_CHARACTERS)
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


class _Shapes(_Memo[tuple[bytes, bytes], Shape]):
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


_users = _Pseudonyms(vocabulary.USER_ID, lambda found: found)
_organizations = _Pseudonyms(vocabulary.ORGANIZATION_ID, lambda found: found)
_sessions = _Pseudonyms(vocabulary.SESSION_ID, session)
_shapes: dict[str, _Shapes] = {}


def _proved(before: bytes, head: bytes, rest: bytes) -> Attributes | None:
    """What a span of these bytes says, if it is cut rightly and all that it has is ours; see above."""
    marked = b"".join(
        (
            bytes([TRACE_ID, 16, *MARK.trace_id, SPAN_ID, 8, *MARK.span_id]),
            before,
            START,
            _times.pack(MARK.start_time_unix_nano, END, MARK.end_time_unix_nano),
            head,
            *(memo.written(word) for memo, word in zip((_users, _organizations, _sessions), MARKS, strict=True)),
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


def _known_shapes(catalogue: Catalogue, deployment: str) -> _Shapes:
    shapes = _shapes.get(deployment)
    if shapes is None or shapes.catalogue is not catalogue:
        shapes = _shapes[deployment] = _Shapes(catalogue, deployment)
    return shapes


def verdicts(body: bytes, catalogue: Catalogue, *, now: datetime, own: DeploymentType) -> Verdicts:
    """As `rows.verdicts` of what `plain.read` reads; raises DecodeError for what is no ExportTraceServiceRequest."""
    found, window_us = Verdicts(), window(now)
    for resource_spans in SpansUnread.FromString(body).resource_spans:
        deployment = deployment_of(plain.attributes(resource_spans.resource.attributes), own)
        for scope_spans in resource_spans.scope_spans:
            others: Iterable[bytes] = scope_spans.spans
            if deployment is not None:
                others = _judged(others, _known_shapes(catalogue, deployment), found, *window_us)
            for raw in others:
                for _, of_resource in _read_plainly(_wrapped(raw), catalogue):
                    for said in of_resource:
                        judge(found, said, deployment, window_us)
    return found


def _judged(
    spans: Iterable[bytes], shapes: _Shapes, found: Verdicts, oldest_us: int, newest_us: int
) -> Iterator[bytes]:
    """Judge those laid out as ours that will be stored, and yield each other one in its turn.

    What costs a span anything is all in here.
    """
    # Everything by a local name, and written out rather than called: a call costs as much as all that a line here does.
    add = tuple(found.rows[category].append for category in CATEGORIES)
    users, organizations, sessions, shape_of = _users, _organizations, _sessions, shapes.get
    user_bytes, organization_bytes, session_bytes = users.size, organizations.size, sessions.size
    session_length_byte, two_times, judged = sessions.length_byte, _times.unpack_from, 0
    for raw in spans:
        try:
            times = raw.index(START, IDS_BYTES)
            start_ns, end_tag, end_ns = two_times(raw, times + 1)
            head = times + TIMES_BYTES
            user = head + 2 + raw[head + 1]
            organization = user + user_bytes
            rest = organization + organization_bytes
            user_id, organization_id = users[raw[user:organization]], organizations[raw[organization:rest]]
            if organization_id is None:
                rest = organization
            session_id = None
            if raw[rest + 1] == session_length_byte:
                session_id = sessions[raw[rest : rest + session_bytes]]
                if session_id is not None:
                    rest += session_bytes
        except (IndexError, ValueError, error):
            yield raw
            continue
        timestamp_us, trace_id, span_id = start_ns // 1000, raw[2:18], raw[20:28]
        if (
            user_id is None
            or not oldest_us <= timestamp_us <= newest_us
            or end_ns < start_ns
            or end_tag != END
            or raw[0] != TRACE_ID
            or raw[1] != 16
            or raw[18] != SPAN_ID
            or raw[19] != 8
            or trace_id == NO_TRACE_ID
            or span_id == NO_SPAN_ID
        ):
            yield raw
            continue
        key = raw[IDS_BYTES:times], raw[head:user] + raw[rest:]
        shape = shape_of(key) or shapes.proved(key[0], raw[head:user], raw[rest:])
        if shape is None:
            yield raw
            continue
        begin, end, category = shape
        own: bytes | float | None = session_id
        if category == REQUEST:
            own = duration_ms = (end_ns - start_ns) / 1e6
            if duration_ms > LONGEST_DURATION_MS:
                yield raw
                continue
        judged += 1
        id_ = row_id(start_ns, trace_id + span_id)
        add[category]((begin(timestamp_us, id_, user_id, organization_id, own) + end, timestamp_us, user_id))
    found.received += judged


def _wrapped(raw: bytes) -> bytes:
    """A request of one span. As part of a whole, because protobuf's limit of nesting counts from there."""
    for tag in PATH:
        raw = _field(tag, raw)
    return raw
