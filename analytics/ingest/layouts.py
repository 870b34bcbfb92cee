"""Where the parts of a span stand on the wire, by who has written it.

protobuf leaves the order of fields to the writer. Nearly all write them by their numbers; the Collector writes each
message from its end. Both keep the order of attributes, in which ours has whose it is after the category. To cut a span
is to guess that it is laid out so: what is cut out need not be what it looks like, see `shapes`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from struct import Struct
from typing import TypeVar

from analytics import vocabulary
from analytics.ingest.packing import session
from analytics.ingest.rows import pseudonym
from analytics.ingest.verdicts import Reason, Rejected

# Tags of a span's fields. Each is a byte.
TRACE_ID, SPAN_ID, START, END, ATTRIBUTE, STATUS = 0x0A, 0x12, 0x39, 0x41, 0x4A, 0x7A
TRACE_ID_BYTES, SPAN_ID_BYTES, TIME_BYTES = 16, 8, 8
IDS_BYTES, TIMES_BYTES = 2 + TRACE_ID_BYTES + 2 + SPAN_ID_BYTES, 2 * (1 + TIME_BYTES)
WORD_CHARACTERS = 36  # of a pseudonym as we write it
PEOPLE = (vocabulary.USER_ID, vocabulary.ORGANIZATION_ID, vocabulary.SESSION_ID)

REMEMBERED = 32_768
Meaning = TypeVar("Meaning")
Raw = TypeVar("Raw", bytes, tuple[bytes, bytes])
# What is left of a span: two pieces, of which the layout knows what stood where.
Left = tuple[bytes, bytes]
# Start and end in nanoseconds since 1970, trace and span id, what is left, and user, organization and session as they
# are stored. None for those that are not there, or not as we write them.
Cut = tuple[int, int, bytes, Left, bytes | None, bytes | None, bytes | None]


class Memo(dict[Raw, Meaning]):
    """Emptied when full: what is in use is back at once."""

    def remember(self, raw: Raw, meaning: Meaning) -> None:
        if len(self) >= REMEMBERED:
            self.clear()
        self[raw] = meaning


class Pseudonyms(Memo[bytes, bytes]):
    """The bytes of an attribute that says whose a span is -> as it is stored; None if it is not written as we do."""

    def __init__(self, before: bytes, after: bytes, stored: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._before, self._after, self._stored = before, after, stored
        self.size, self.length_byte = len(before) + WORD_CHARACTERS + len(after), before[1]

    def __missing__(self, raw: bytes) -> bytes | None:
        word = raw.removeprefix(self._before).removesuffix(self._after)
        if len(raw) != self.size or len(word) != WORD_CHARACTERS:
            return None
        try:
            parsed = pseudonym(word.decode("ascii"), Reason.BAD_USER)
        except (UnicodeDecodeError, Rejected):
            return None
        if parsed is None:
            return None
        found = self._stored(parsed)
        self.remember(raw, found)
        return found

    def written(self, word: str) -> bytes:
        """The attribute with this word, of WORD_CHARACTERS."""
        return self._before + word.encode() + self._after


class Layout(ABC):
    """One order of fields. `value_first` is that of an attribute: a KeyValue is a message too."""

    def __init__(self, *, value_first: bool) -> None:
        def pseudonyms(name: str, stored: Callable[[bytes], bytes]) -> Pseudonyms:
            word = "0" * WORD_CHARACTERS
            parts = [field(0x0A, name.encode()), field(0x12, field(0x0A, word.encode()))]
            before, _, after = field(ATTRIBUTE, b"".join(reversed(parts) if value_first else parts)).partition(
                word.encode()
            )
            return Pseudonyms(before, after, stored)

        self.users = pseudonyms(vocabulary.USER_ID, lambda found: found)
        self.organizations = pseudonyms(vocabulary.ORGANIZATION_ID, lambda found: found)
        self.sessions = pseudonyms(vocabulary.SESSION_ID, session)

    @abstractmethod
    def cut(self, raw: bytes) -> Cut:
        """Of a span that begins with the byte that it has in LAYOUTS.

        Raises ValueError, IndexError or struct.error for what is not laid out so.
        """

    @abstractmethod
    def joined(self, left: Left, ids: tuple[bytes, bytes], times: tuple[int, int], people: tuple[str, ...]) -> bytes:
        """The span that is cut into these. All `people` are there, user, organization and session."""

    def _people(self, raw: bytes, at: int) -> tuple[int, int, bytes | None, bytes | None, bytes | None]:
        """From the category's attribute on: where whose it is begins and ends, and whose."""
        users, organizations, sessions = self.users, self.organizations, self.sessions
        at += 2 + raw[at + 1]
        end = at + users.size
        user_id = users[raw[at:end]]
        organization_id = organizations[raw[end : end + organizations.size]]
        if organization_id is not None:
            end += organizations.size
        session_id = None
        if raw[end + 1] == sessions.length_byte:
            session_id = sessions[raw[end : end + sessions.size]]
            if session_id is not None:
                end += sessions.size
        return at, end, user_id, organization_id, session_id

    def _written(self, people: tuple[str, ...]) -> bytes:
        memos = (self.users, self.organizations, self.sessions)
        return b"".join(memo.written(word) for memo, word in zip(memos, people, strict=True))


class _ByNumber(Layout):
    """trace_id, span_id; name and the like; start, end; attributes; status and the like."""

    _times, _start = Struct("<QBQ"), bytes([START])

    def cut(self, raw: bytes) -> Cut:
        times = raw.index(self._start, IDS_BYTES)
        start_ns, end_tag, end_ns = self._times.unpack_from(raw, times + 1)
        first = times + TIMES_BYTES
        people, rest, user_id, organization_id, session_id = self._people(raw, first)
        if end_tag != END or raw[1] != TRACE_ID_BYTES or raw[18] != SPAN_ID or raw[19] != SPAN_ID_BYTES:
            raise ValueError
        left = raw[IDS_BYTES:times], raw[first:people] + raw[rest:]
        return start_ns, end_ns, raw[2:18] + raw[20:28], left, user_id, organization_id, session_id

    def joined(self, left: Left, ids: tuple[bytes, bytes], times: tuple[int, int], people: tuple[str, ...]) -> bytes:
        before, attributes = left
        first = 2 + attributes[1]
        pieces = (
            field(TRACE_ID, ids[0]) + field(SPAN_ID, ids[1]),
            before,
            self._start + self._times.pack(times[0], END, times[1]),
            attributes[:first],
            self._written(people),
            attributes[first:],
        )
        return b"".join(pieces)


class _FromTheEnd(Layout):
    """status; attributes; end, start; kind, name and the like; span_id, trace_id."""

    _times = Struct("<BQBQ")

    def cut(self, raw: bytes) -> Cut:
        people, times, user_id, organization_id, session_id = self._people(raw, 2 + raw[1])
        rest = times
        while raw[times] == ATTRIBUTE:
            times += 2 + raw[times + 1]
        end_tag, end_ns, start_tag, start_ns = self._times.unpack_from(raw, times)
        ids = len(raw) - IDS_BYTES
        if (
            end_tag != END
            or start_tag != START
            or raw[ids] != SPAN_ID
            or raw[ids + 1] != SPAN_ID_BYTES
            or raw[ids + 10] != TRACE_ID
            or raw[ids + 11] != TRACE_ID_BYTES
        ):
            raise ValueError
        left = raw[:people] + raw[rest:times], raw[times + TIMES_BYTES : ids]
        return start_ns, end_ns, raw[ids + 12 :] + raw[ids + 2 : ids + 10], left, user_id, organization_id, session_id

    def joined(self, left: Left, ids: tuple[bytes, bytes], times: tuple[int, int], people: tuple[str, ...]) -> bytes:
        attributes, after = left
        first = 2 + attributes[1]
        first += 2 + attributes[first + 1]
        pieces = (
            attributes[:first],
            self._written(people),
            attributes[first:],
            self._times.pack(END, times[1], START, times[0]),
            after,
            field(SPAN_ID, ids[1]) + field(TRACE_ID, ids[0]),
        )
        return b"".join(pieces)


def field(tag: int, content: bytes) -> bytes:
    """On the wire: tag, length, content."""
    length, number = bytearray(), len(content)
    while number > 0x7F:
        length.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([tag, *length, number]) + content


# By the first byte of a span.
LAYOUTS: dict[int, Layout] = {TRACE_ID: _ByNumber(value_first=False), STATUS: _FromTheEnd(value_first=True)}
