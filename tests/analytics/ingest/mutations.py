"""Requests that no client means to send: made of plausible and of odd pieces, then damaged on the wire."""

import os
import random
from collections.abc import Callable, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.analytics.ingest.spans import (
    LOGIN,
    OLD_REQUEST,
    PERSON,
    REQUEST,
    STOCK_REQUEST,
    TEST_RUN,
    VOUCHED_LOGIN,
    VOUCHER,
    of,
    span,
)

KINDS = (LOGIN, VOUCHED_LOGIN, REQUEST, TEST_RUN, OLD_REQUEST, STOCK_REQUEST)
KEYS = sorted({key for kind in KINDS for key in kind} | {"metadata.", "metadata.x", "", "é", "a" * 300, "user.id "})
WORDS = (
    "",
    PERSON,
    VOUCHER,
    "0" * 16,
    "a\0b",
    "é",
    "\U0001f600",
    "1e999",
    "200",
    "-1",
    "cloud",
    "login",
    "x" * 600,
    "/a/<int:id>/",
)
NUMBERS = (0, 1, -1, 200, 2**31, 2**53, 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 1.5, float("nan"), float("inf"), 1e308)
TIMES = (0, 1, 2**63, 2**64 - 1)
# No UTF-8, unknown fields, groups that begin and never end, varints that do not end.
SNIPPETS = (
    b"\xed\xa0\x80",
    b"\xff",
    b"\xc0\x80",
    b"\x9a\x06\x01x",
    b"\x1b",
    b"\x1c",
    b"\x80" * 11,
    b"\x4a\x00",
    b"\x12\x00",
)


def field(tag: int, content: bytes) -> bytes:
    """On the wire: tag, length, content."""
    length, number = bytearray(), len(content)
    while number > 0x7F:
        length.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([tag, *length, number]) + content


def odd_value(chance: random.Random) -> AnyValue:
    choices = (
        AnyValue(string_value=chance.choice(WORDS)),
        AnyValue(int_value=chance.choice(NUMBERS)),
        AnyValue(double_value=chance.choice(FLOATS)),
        AnyValue(bool_value=chance.random() < 0.5),
        AnyValue(bytes_value=b"\xff\x00"),
        AnyValue(),
        AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=chance.choice(WORDS)), AnyValue(int_value=1)])),
        AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=chance.choice(KEYS), value=AnyValue(int_value=1))])),
    )
    return chance.choice(choices)


def deep_request(levels: int) -> bytes:
    """One span with an attribute of arrays in arrays; protobuf's limit of nesting is near 48."""
    attribute = KeyValue(key="deep").SerializeToString() + field(0x12, nested(levels))
    # Request.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans, Span.attributes
    return field(0x0A, field(0x12, field(0x12, span().SerializeToString() + field(0x4A, attribute))))


def nested(levels: int) -> bytes:
    """An AnyValue of arrays in arrays. Made of bytes: protobuf will not put together what it would not take apart."""
    value = AnyValue(int_value=1).SerializeToString()
    for _ in range(levels):
        value = field(0x2A, field(0x0A, value))  # AnyValue.array_value, ArrayValue.values
    return value


def odd_span(chance: random.Random) -> Span:
    made = span(dict(chance.choice(KINDS)))
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        made.attributes.append(KeyValue(key=chance.choice(KEYS), value=odd_value(chance)))
    match chance.randrange(16):
        case 0:
            made.start_time_unix_nano = chance.choice(TIMES)
        case 1:
            made.end_time_unix_nano = chance.choice(TIMES)
        case 2:
            made.trace_id = chance.choice((b"", bytes(16), b"x" * 15))
        case 3:
            made.span_id = chance.choice((b"", bytes(8), b"x" * 9))
        case 4:
            del made.attributes[chance.randrange(len(made.attributes))]
        case 5:
            made.attributes.extend(KeyValue(key=f"k{n}", value=AnyValue(int_value=n)) for n in range(130))
        case 6:
            made.name = chance.choice(("", "9" * chance.randrange(200), "user.activity9", "feature.usage"))
        case 7:
            made.parent_span_id = chance.choice((b"9" * 8, os.urandom(8), b""))
        case 8:
            made.status.message = chance.choice(("", "no such thing as a@example.org"))
            made.flags = chance.choice((0, 0x101))
        case 9:
            chance.shuffle(attributes := list(made.attributes))
            del made.attributes[:]
            made.attributes.extend(attributes)
    return made


def spliced(raw: bytes, chance: random.Random) -> bytes:
    """A whole span with more pieces, between those it has or at its ends: the last of each counts."""
    pieces = [
        field(0x0A, chance.choice((b"t" * 16, bytes(16), b"t" * 9, b""))),
        field(0x12, chance.choice((b"s" * 8, bytes(8), b""))),
        b"\x39" + chance.choice((bytes(8), b"9" * 8, raw[28:36])),
        b"\x41" + chance.choice((bytes(8), b"\xff" * 8, b"A" * 8)),
        field(0x2A, chance.choice((b"", b"9A9A", b"feature.usage"))),
        field(0x22, b"9" * 8),
        b"\x30\x39",
        b"\x7a\x00",
        field(0x7A, b"\x12\x05words"),
        field(0x5A, b"\x12\x02an"),
        field(0x9A, b"")[:1] + b"\x06\x01x",
        field(0x4A, KeyValue(key=chance.choice(KEYS), value=odd_value(chance)).SerializeToString()),
        field(0x4A, KeyValue(key="user.id", value=AnyValue(string_value=PERSON)).SerializeToString()),
    ]
    whole = _pieces(raw)
    for _ in range(chance.randint(1, 3)):
        whole.insert(chance.randrange(len(whole) + 1), chance.choice(pieces))
    if chance.random() < 0.2:
        del whole[chance.randrange(len(whole))]
    return b"".join(whole)


def from_the_end(raw: bytes) -> bytes:
    """A whole span of ours as the Collector writes it, which tests/collector compares with what it does."""
    by_tag: dict[int, list[bytes]] = {}
    for piece in _pieces(raw):
        by_tag.setdefault(piece[0], []).append(piece)
    attributes = [field(0x4A, b"".join(reversed(_pieces(_content(each))))) for each in by_tag.get(0x4A, [])]
    order = [0x41, 0x39, 0x30, 0x2A, 0x85]
    rest = [piece for tag in order for piece in by_tag.get(tag, [])]
    ids = by_tag.get(0x22, [b"\x22\x00"]) + by_tag.get(0x12, [b"\x12\x00"]) + by_tag.get(0x0A, [b"\x0a\x00"])
    return b"".join([*by_tag.get(0x7A, [b"\x7a\x00"]), *attributes, *rest, *ids])


def _content(piece: bytes) -> bytes:
    """Of a field that has a length."""
    return piece[3 if piece[1] & 0x80 else 2 :]


def _pieces(raw: bytes) -> list[bytes]:
    """The fields of a whole message, each with its tag."""
    found, at = list[bytes](), 0
    while at < len(raw):
        tag, after = raw[at] & 7, at + (2 if raw[at] & 0x80 else 1)
        match tag:
            case 0:
                end = after + 1
            case 1:
                end = after + 8
            case 5:
                end = after + 4
            case _:
                length = raw[after] & 0x7F | (raw[after + 1] & 0x7F) << 7 if raw[after] & 0x80 else raw[after]
                end = after + (2 if raw[after] & 0x80 else 1) + length
        found.append(raw[at:end])
        at = end
    return found


def odd_request(chance: random.Random) -> bytes:
    """Of up to eight spans in up to two resources; whole."""
    found = of(*(odd_span(chance) for _ in range(chance.randrange(5))))
    if chance.random() < 0.3:
        word = chance.choice(("cloud", "self-hosted", "the moon", ""))
        found.MergeFrom(of(*(odd_span(chance) for _ in range(chance.randrange(5))), resource={"deployment.type": word}))
    deep = deep_request(chance.choice((5, 40, 46, 47, 48, 49, 50, 60))) if chance.random() < 0.1 else b""
    return found.SerializeToString() + deep


def damaged(body: bytes, chance: random.Random) -> bytes:
    """With one to three bytes, or pieces, changed."""
    for _ in range(chance.randint(1, 3)):
        body = chance.choice(DAMAGES)(body, chance)
    return body


def _flip(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]


def _overwrite(body: bytes, chance: random.Random) -> bytes:
    at, piece = chance.randrange(len(body) + 1), chance.choice(SNIPPETS)
    return body[:at] + piece + body[at + len(piece) :]


def _insert(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice(SNIPPETS) + body[at:]


def _cut(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + body[at + chance.randrange(20) :]


def _truncate(body: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _repeat(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + body[at : at + chance.randrange(200)] + body[at:]


DAMAGES: Sequence[Callable[[bytes, random.Random], bytes]] = (
    _flip,
    _flip,
    _overwrite,
    _insert,
    _cut,
    _truncate,
    _repeat,
)
