"""Decodes a request's spans as `decode` does, several times as fast, for any client.

protobuf leaves each attribute as bytes (`AttributesUnread`). Bounded caches map the bytes of a repeated attribute to a
token, and the tokens of a span to its content. The order of attributes has no effect on the result.

High-cardinality attributes have no token. Users and organizations have a cache of their own; sessions, durations and
vouchers are decoded for each span; of attributes of others only the name is checked. Contents that are rejected or
stored in part, and numbers with fractions, are not cached.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Status

from analytics import vocabulary
from analytics.catalogue import Catalogue
from analytics.events import ATTRIBUTE_NAMES, Value
from analytics.ingest import decode
from analytics.ingest.content import Content, content_of
from analytics.ingest.decode import Judge, JudgeOf
from analytics.wire import AttributesUnread, TextUnread, UnreadAttribute
from privacy.process import Bounded

REMEMBERED = 32_768
# Limits of the caches' memory: bytes of a pseudonym or of a content, attributes of a span.
LONGEST_REMEMBERED_BYTES = 512
MOST_ATTRIBUTES = 64
# High-cardinality attributes, which are not part of a span's content.
BESIDE = (
    vocabulary.USER_ID,
    vocabulary.ORGANIZATION_ID,
    vocabulary.SESSION_ID,
    vocabulary.LEGACY_DURATION_MS,
    vocabulary.VOUCHER,
)
NAMES = frozenset(name.encode() for name in (vocabulary.EVENT_CATEGORY, *ATTRIBUTE_NAMES, *BESIDE))
METADATA_PREFIX = vocabulary.METADATA_PREFIX.encode()
# Tags of a KeyValue's two fields, and the smallest length that has two bytes.
NAME, VALUE, TWO_BYTES = 0x0A, 0x12, 0x80


ATTRIBUTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")  # other names may hold anything and are not cached
NEVER = b"\xff"  # no attribute begins with it


class Token:
    """Identifies the bytes of one attribute of a content."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Content of spans with the same tokens, and the places of their attributes without a token."""

    content: Content
    user: int | None
    organization: int | None
    session: int | None
    duration: int | None
    voucher: int | None
    others: tuple[tuple[int, bytes, int], ...]  # place, first bytes, and offset of the value's length


class Different(Exception):
    """The attribute at a cached place has another name."""


class Pseudonyms(Bounded[bytes, bytes]):
    """Bytes of an attribute `name` -> its pseudonym. Raises Different for an attribute of another name."""

    def __init__(self, name: str) -> None:
        super().__init__(REMEMBERED)
        self._name = name

    def __missing__(self, raw: bytes) -> bytes | None:
        found = decode.pseudonym(_value(raw, self._name))
        if found and len(raw) <= LONGEST_REMEMBERED_BYTES:  # unknown fields make it longer
            self[raw] = found
        return found


class Reader:
    """Reader with the caches of one catalogue. Thread-safe."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.tokens: Bounded[bytes, Token] = Bounded(REMEMBERED)
        self.known: Bounded[tuple[int | Token | None, ...], Known] = Bounded(REMEMBERED)
        self.users = Pseudonyms(vocabulary.USER_ID)
        self.organizations = Pseudonyms(vocabulary.ORGANIZATION_ID)

    def read(self, spans: Any, judge: Judge, validate: Callable[[], None]) -> None:
        """Judge the spans of an AttributesUnread. `validate` raises DecodeError if a skipped attribute is broken."""
        token, known_by_tokens, users, organizations = self.tokens.get, self.known.get, self.users, self.organizations
        for span in spans:
            raws = span.attributes[:]
            known = known_by_tokens((span.kind, *map(token, raws)))
            if known is None:
                self._read_anew(span, raws, judge)
                continue
            try:
                if known.others:
                    validate()
                    for place, begin, at in known.others:
                        raw = raws[place]
                        # Either a known name and one short value, or the slower check.
                        if not ((raw.startswith(begin) and raw[at] == len(raw) - at - 1 < TWO_BYTES) or is_other(raw)):
                            raise Different
                user, organization, session, duration = known.user, known.organization, known.session, known.duration
                voucher = known.voucher
                judge(
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    trace_id=span.trace_id,
                    span_id=span.span_id,
                    user_id=None if user is None else users[raws[user]],
                    organization_id=None if organization is None else organizations[raws[organization]],
                    session_id=None if session is None else _session(raws[session]),
                    duration=None if duration is None else _value(raws[duration], vocabulary.LEGACY_DURATION_MS),
                    voucher=None if voucher is None else _value(raws[voucher], vocabulary.VOUCHER),
                    content=known.content,
                )
            except Different:
                self._read_anew(span, raws, judge)

    def _read_anew(self, span: Any, raws: Sequence[bytes], judge: Judge) -> None:
        """Decode all attributes, and cache the result if it is worth it. Raises DecodeError."""
        pairs = [decode.attribute(UnreadAttribute.FromString(raw)) for raw in raws]
        attributes = dict(pairs)
        failed = span.status.code == Status.STATUS_CODE_ERROR
        content = content_of(attributes, self.catalogue, kind=span.kind, failed=failed)
        decode.judged(span, attributes, content, judge)
        if content.comes_again and len(attributes) == len(pairs):
            self._remember(span.kind, raws, [name for name, _ in pairs], content)

    def _remember(self, kind: int, raws: Sequence[bytes], names: Sequence[str], content: Content) -> None:
        places = {name: place for place, name in enumerate(names)}
        own = {place for place, name in enumerate(names) if name not in BESIDE and _is_ours(name.encode())}
        if len(raws) > MOST_ATTRIBUTES or sum(len(raws[place]) for place in own) > LONGEST_REMEMBERED_BYTES:
            return
        for place in own:
            if raws[place] not in self.tokens:
                self.tokens[raws[place]] = Token()
        known = Known(
            content,
            user=places.get(vocabulary.USER_ID),
            organization=places.get(vocabulary.ORGANIZATION_ID),
            session=places.get(vocabulary.SESSION_ID),
            duration=places.get(vocabulary.LEGACY_DURATION_MS),
            voucher=places.get(vocabulary.VOUCHER),
            others=tuple(
                (place, *_begin(name)) for place, name in enumerate(names) if place not in own and name not in BESIDE
            ),
        )
        tokens = tuple(map(self.tokens.get, raws))
        if all(tokens[place] for place in own):  # the bounded cache may have removed one
            self.known[kind, *tokens] = known


_reader = Reader(Catalogue({}))


def read(body: bytes, catalogue: Catalogue, judge: JudgeOf) -> None:
    """Same as `decode.read`."""
    global _reader  # noqa: PLW0603
    reader = _reader
    if reader.catalogue is not catalogue:
        reader = _reader = Reader(catalogue)
    is_valid = False

    def validate() -> None:
        nonlocal is_valid
        if not is_valid:
            TextUnread.FromString(body)
            is_valid = True

    for resource_spans in AttributesUnread.FromString(body).resource_spans:
        of = judge(decode.attributes(resource_spans.resource.attributes))
        for scope_spans in resource_spans.scope_spans:
            reader.read(scope_spans.spans, of, validate)


def is_other(raw: bytes) -> bool:
    """Whether an attribute surely has a name that this project does not know; its value may still be broken.

    True only for one name and one value, in either order. Any other encoding returns False and must be decoded.
    """
    try:
        if raw[0] == NAME:
            end = 2 + raw[1]
            name, value, after = raw[2:end], end, len(raw)
        else:
            value, after = 0, _end(raw, 0)
            name = raw[after + 2 :]
            if raw[after] != NAME or raw[after + 1] != len(name):
                return False
        return raw[value] == VALUE and _end(raw, value) == after and len(name) < TWO_BYTES and not _is_ours(name)
    except IndexError:
        return False


def _begin(name: str) -> tuple[bytes, int]:
    """Return the usual first bytes of an attribute of this name, and their number."""
    if not ATTRIBUTE_NAME.fullmatch(name):
        return NEVER, 0
    encoded = name.encode()
    begin = bytes([NAME, len(encoded)]) + encoded + bytes([VALUE])
    return begin, len(begin)


def _end(raw: bytes, at: int) -> int:
    """Return the end of the field that begins at `at`."""
    size = raw[at + 1]
    if size < TWO_BYTES:
        return at + 2 + size
    more = raw[at + 2]
    return at + 3 + (size & 0x7F | more << 7) if more < TWO_BYTES else -1


def _is_ours(name: bytes) -> bool:
    return name in NAMES or name.startswith(METADATA_PREFIX)


def _session(raw: bytes) -> bytes | None:
    return decode.pseudonym(_value(raw, vocabulary.SESSION_ID))


def _value(raw: bytes, name: str) -> Value:
    """Decode the value. Raises Different for an attribute of another name."""
    found, value = decode.attribute(UnreadAttribute.FromString(raw))
    if found != name:
        raise Different
    return value
