"""Requests that no client means to send: made of plausible and of odd pieces, then damaged on the wire."""

import random
from collections.abc import Callable, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.analytics.ingest.spans import LOGIN, OLD_REQUEST, PERSON, REQUEST, STOCK_REQUEST, TEST_RUN, of, span

KINDS = (LOGIN, REQUEST, TEST_RUN, OLD_REQUEST, STOCK_REQUEST)
KEYS = sorted({key for kind in KINDS for key in kind} | {"metadata.", "metadata.x", "", "é", "a" * 300, "user.id "})
WORDS = (
    "",
    PERSON,
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
    """One span with an attribute of arrays in arrays; protobuf's limit of nesting is near 48.

    Made of bytes: protobuf will not put together what it would not take apart.
    """
    value = AnyValue(int_value=1).SerializeToString()
    for _ in range(levels):
        value = field(0x2A, field(0x0A, value))  # AnyValue.array_value, ArrayValue.values
    attribute = KeyValue(key="deep").SerializeToString() + field(0x12, value)
    # Request.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans, Span.attributes
    return field(0x0A, field(0x12, field(0x12, span().SerializeToString() + field(0x4A, attribute))))


def field(tag: int, content: bytes) -> bytes:
    """On the wire: tag, length, content."""
    length, number = bytearray(), len(content)
    while number > 0x7F:
        length.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([tag, *length, number]) + content


def odd_span(chance: random.Random) -> Span:
    made = span(dict(chance.choice(KINDS)))
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        made.attributes.append(KeyValue(key=chance.choice(KEYS), value=odd_value(chance)))
    match chance.randrange(12):
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
    return made


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
