"""The fast way of reading gives what plain reading gives, whatever comes."""

import random
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from analytics import routes
from analytics.catalogue import Catalogue, current_catalogue
from analytics.collect.clean import clean_span, resource
from analytics.collect.records import RecordedSpan, Subject
from analytics.events import Activity, Event, FeatureUse, Metadata, Request
from analytics.ingest import decode, fast
from analytics.ingest.judge import Read, verdict
from analytics.ingest.verdict import Reason, Verdict
from analytics.vocabulary import Category
from analytics.voucher import Vouchers
from analytics.wire import AttributesUnread, UnreadAttribute
from privacy.switches import DeploymentType
from tests import profile
from tests.analytics.ingest import packed
from tests.analytics.ingest.mutations import damaged, deep_request, field, from_the_end, odd_request, spliced
from tests.analytics.ingest.reading import Reads, reads
from tests.analytics.ingest.spans import (
    ERASURE,
    LOGIN,
    OLD_REQUEST,
    ORGANIZATION,
    PERSON,
    REQUEST,
    SESSION,
    STOCK_REQUEST,
    TEST_RUN,
    VOUCHER_KEY,
    of,
    span,
)
from tests.collector.spans import Value, attributes

VOUCHERS = Vouchers([VOUCHER_KEY.encode()])
EXAMPLES = profile.examples(1_000, long=200_000)


__all__ = ["reads"]  # a fixture


def outcome(read: Read, body: bytes) -> Verdict | None:
    """None for what is no request."""
    try:
        return verdict(read, body, current_catalogue(), now=NOW, own=DeploymentType.CLOUD, vouchers=VOUCHERS)
    except DecodeError:
        return None


NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _now() -> None:
    """One moment for both judges of a test. In a whole run, the import is more than ten minutes ago."""
    global NOW  # noqa: PLW0603
    NOW = datetime.now(UTC)


chances = st.builds(random.Random, st.integers(0, 2**64))
thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@thorough
@given(chances)
def test_fast_is_plain_for_every_request_that_is_whole(chance: random.Random) -> None:
    body = odd_request(chance)

    assert outcome(fast.read, body) == outcome(decode.read, body)


@thorough
@given(chances)
def test_fast_is_plain_for_every_request_that_is_damaged(chance: random.Random) -> None:
    body = damaged(odd_request(chance), chance)

    assert outcome(fast.read, body) == outcome(decode.read, body)


@thorough
@given(st.binary(max_size=400))
def test_fast_is_plain_for_any_bytes(body: bytes) -> None:
    assert outcome(fast.read, body) == outcome(decode.read, body)


def test_the_search_meets_both_what_can_be_read_and_what_cannot() -> None:
    chance = random.Random(5)
    bodies = [damaged(odd_request(chance), chance) for _ in range(300)]

    readable = [outcome(decode.read, body) is not None for body in bodies]
    only_our_way = [plain_parses(body) is False and outcome(decode.read, body) is not None for body in bodies]

    assert 30 < sum(readable) < 270
    assert any(only_our_way), "some differ from what protobuf takes by text that is no UTF-8"


def plain_parses(body: bytes) -> bool:
    try:
        ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return False
    return True


def test_nesting_is_refused_at_no_depth() -> None:
    for levels in (*range(30, 60), 5000):
        body = deep_request(levels)

        found = outcome(fast.read, body)

        assert found is not None and found == outcome(decode.read, body)
        assert (found.received, found.rejected.total()) == (1, 0)


def test_a_span_with_too_many_attributes_of_which_one_is_broken_is_no_request() -> None:
    made = span({**TEST_RUN, **{f"key.{number}": "@@@" for number in range(200)}})
    body = of(made).SerializeToString().replace(b"key.150\x12\x05", b"key.150\x12\x7f")

    assert outcome(decode.read, body) is None
    assert outcome(fast.read, body) is None


def _request(raw: bytes) -> bytes:
    """Of one span."""
    return field(0x0A, field(0x12, field(0x12, raw)))


WRITERS = pytest.mark.parametrize("written", [bytes, from_the_end], ids=["by number", "from the end"])
OURS = (LOGIN, REQUEST, TEST_RUN)
KINDS = (*OURS, OLD_REQUEST, STOCK_REQUEST)


@WRITERS
@pytest.mark.parametrize("organization", [None, uuid4()], ids=["no organization", "one"])
@pytest.mark.parametrize("session", [None, "a session"], ids=["no session", "one"])
def test_each_kind_of_span_that_the_site_sends_is_read_anew_once(
    reads: Reads, organization: UUID | None, session: str | None, written: Callable[[bytes], bytes]
) -> None:
    subject, now_ns = Subject(uuid4(), organization, 1, 1), time.time_ns()
    events: list[tuple[Event, str | None, Metadata]] = [
        (Activity("login"), session, {"method": "password"}),
        (Request("GET", "/api/tests/<uuid:id>/", 200), None, {}),
        (FeatureUse("test_run", "created"), None, {"test_count": 39}),
    ]
    recorded = [
        RecordedSpan(
            subject, event, start_ns=now_ns, end_ns=now_ns + 39_000_000, session_key=session_key, metadata=metadata
        )
        for event, session_key, metadata in events * 2
    ]
    sent = encode_spans([clean_span(each, resource(), uuid4()) for each in recorded]).resource_spans[0]
    header = field(0x0A, sent.resource.SerializeToString())
    spans = [field(0x12, written(each.SerializeToString())) for each in sent.scope_spans[0].spans]
    body = field(0x0A, header + field(0x12, b"".join(spans)))

    found = outcome(fast.read, body)

    again = outcome(fast.read, body)

    assert len(reads.anew) == len(events), "each is read anew once"
    assert found == again == outcome(decode.read, body)
    assert found is not None and [len(rows) for rows in found.rows.values()] == [2, 2, 2]


def test_each_kind_of_span_of_any_client_is_read_anew_once(reads: Reads) -> None:
    made = [
        span(STOCK_REQUEST),
        span(OLD_REQUEST),
        span({**TEST_RUN, "key": "not one of ours"}),
        span(REQUEST, name="another name"),
        span(REQUEST, parent_span_id=b"a parent"),
        span(REQUEST, trace_state="a=b"),
        span(REQUEST, events=[Span.Event(name="an event")]),
        span(REQUEST, links=[Span.Link(trace_id=b"x" * 16, span_id=b"y" * 8)]),
        span(REQUEST, status=Status(message="words")),
    ]
    for _ in range(2):
        for each in made:
            outcome(fast.read, of(each).SerializeToString())

    assert len(reads.anew) == 4, "each is read anew once, whatever stands beside its attributes"


@pytest.mark.parametrize(
    "made",
    [
        span({**LOGIN, "event.type": "erasure_requested", "metadata.secret": "jane@example.org"}),
        span({**ERASURE, "erasure.secret": "jane@example.org"}),
        span({**LOGIN, "erasure.secret": "jane@example.org"}),
        span({**TEST_RUN, "feature.name": "jane@example.org"}),
        span({**TEST_RUN, "metadata.test_count": "jane@example.org"}),
        span({**TEST_RUN, "metadata.name": "jane@example.org"}),
        span({**TEST_RUN, "jane@example.org": 1}),
        span({**TEST_RUN, "user.id": "jane@example.org"}),
        span({**LOGIN, "session.id": "jane@example.org"}),
        span({**REQUEST, "http.route": "/users/jane@example.org"}),
        span({**REQUEST, "http.request.method": "jane@example.org"}),
        span({**STOCK_REQUEST, "url.path": "/users/jane@example.org"}),
        span({"http.request.method": "GET", "http.route": "/jane@example.org"}),
        span({"db.statement": "jane@example.org"}),
    ],
)
def test_what_may_identify_somebody_is_not_remembered(reads: Reads, made: Span) -> None:
    assert outcome(fast.read, of(made).SerializeToString()) is not None

    assert b"jane" not in reads.remembered()
    assert not any("jane@" in text for text, _, _ in routes._known)


@pytest.mark.parametrize(
    ("values", "seldom"),
    [
        (LOGIN, SESSION),
        ({**OLD_REQUEST, "duration_ms": "12.345"}, "12.345"),
        ({**TEST_RUN, "metadata.test_id": "0b3d4c4e-5d68-8a2a-9f1e-1d1c6d9f0a11"}, "0b3d4c4e"),
        ({**TEST_RUN, "metadata.duration_seconds": 12.345}, struct.pack("<d", 12.345).decode("latin-1")),
    ],
)
def test_what_seldom_comes_again_is_not_remembered(reads: Reads, values: dict[str, Value], seldom: str) -> None:
    body = of(span(values)).SerializeToString()
    assert outcome(fast.read, body) == outcome(decode.read, body)

    assert seldom.encode("latin-1") in body
    assert seldom.encode("latin-1") not in reads.remembered()


def test_an_error_without_a_status_is_not_remembered_as_the_fate_of_its_like(reads: Reads) -> None:
    values = {name: value for name, value in REQUEST.items() if name != "http.response.status_code"}
    ends = [Status.STATUS_CODE_ERROR, Status.STATUS_CODE_OK, Status.STATUS_CODE_ERROR]
    body = of(*(span(values, status=Status(code=code)) for code in ends)).SerializeToString()

    found = outcome(fast.read, body)

    assert found == outcome(decode.read, body)
    assert found is not None and found.rejected == {Reason.BAD_HTTP: 1}


@pytest.mark.parametrize("name", [*REQUEST, "metadata.test_count"])
@pytest.mark.parametrize("second", [AnyValue(), AnyValue(string_value="GET"), AnyValue(int_value=404)])
def test_an_attribute_with_two_values_has_the_one_that_protobuf_gives_it(
    reads: Reads, name: str, second: AnyValue
) -> None:
    for values in (TEST_RUN, REQUEST):
        doubled = KeyValue(key=name, value=attributes({name: values.get(name, 1)})[0].value).SerializeToString()
        doubled += field(0x12, second.SerializeToString())
        others = span({key: value for key, value in values.items() if key != name}).SerializeToString()
        for body in (_request(others + field(0x4A, doubled)), _request(span(values).SerializeToString())) * 2:
            assert outcome(fast.read, body) == outcome(decode.read, body)


def test_an_attribute_whose_first_value_is_broken_is_no_request(reads: Reads) -> None:
    raw = span(TEST_RUN).SerializeToString()
    broken = KeyValue(key="feature.action").SerializeToString() + field(0x12, b"\x0a\x7f") + field(0x12, b"\x0a\x01x")
    for body in (_request(raw), _request(raw + field(0x4A, broken))):
        found = outcome(fast.read, body)
        assert found == outcome(decode.read, body)
    assert found is None


@thorough
@given(chances)
def test_fast_is_plain_for_every_span_with_pieces_more_or_fewer_among_those_of_ours(chance: random.Random) -> None:
    for _ in range(3):
        written = chance.choice((bytes, from_the_end))
        raw = written(span(dict(chance.choice(KINDS))).SerializeToString())
        odd = spliced(raw, chance)
        body = b"".join(map(_request, (raw, odd, raw)))

        assert outcome(fast.read, body) == outcome(decode.read, body)


@WRITERS
@pytest.mark.parametrize("values", KINDS, ids=["activity", "request", "feature", "older", "stock"])
def test_no_bit_of_a_span_that_is_known_can_turn_unnoticed(
    values: dict[str, Value], written: Callable[[bytes], bytes]
) -> None:
    raw = written(span(dict(values), flags=0x101).SerializeToString())
    outcome(fast.read, _request(raw))
    for at in range(len(raw) * 8):
        turned = bytearray(raw)
        turned[at // 8] ^= 1 << at % 8
        body = _request(bytes(turned))

        assert outcome(fast.read, body) == outcome(decode.read, body), at


def test_what_stands_before_the_times_decides_where_they_are() -> None:
    """Bytes that look like a start within a name, or after one that is cut short, are none."""
    raw = span().SerializeToString()
    times = raw.index(b"\x39", 28)
    for before in (field(0x2A, b"9" * 30), b"\x2a\x7f", b"\x2a\x12", field(0x2A, b"") + field(0x22, b"9" * 8)):
        body = _request(raw[:28] + before + raw[times:])

        assert outcome(fast.read, body) == outcome(decode.read, body)


def test_what_is_remembered_is_bounded_in_number_and_length(reads: Reads) -> None:
    reader, letters = reads.reader, "abcdefghijklmnopqrst"
    memos = (reader.tokens, reader.known, reader.users, reader.organizations)
    for memo in memos:
        memo.most = 50
    for number in range(200):
        values: dict[str, Value] = {
            **REQUEST,
            "user.id": str(UUID(int=8 << 76 | 2 << 62 | number)),
            "organization.id": str(UUID(int=8 << 76 | 2 << 62 | number)),
            "http.route": f"/{{{letters[number % 20]}}}/{{{letters[number // 20]}}}",
        }
        outcome(fast.read, of(span(values), span(values)).SerializeToString())

    for memo in memos:
        assert 0 < len(memo) <= 50

    outcome(fast.read, of(span({**REQUEST, "http.route": "/" + "word/" * 100})).SerializeToString())
    outcome(fast.read, of(span({**REQUEST, "n" * 65: 1})).SerializeToString())
    assert max(map(len, reader.tokens)) <= fast.LONGEST_REMEMBERED_BYTES
    assert max(len(begin) for known in reader.known.values() for _, begin, _ in known.others) < 70
    assert max(map(len, reader.users)) < 60


def test_a_span_with_many_attributes_is_not_remembered(reads: Reads) -> None:
    others: dict[str, Value] = {f"key.{number}": "" for number in range(10_000)}
    body = of(span({**TEST_RUN, **others})).SerializeToString()

    assert outcome(fast.read, body) == outcome(decode.read, body)
    assert not reads.reader.known


def test_an_identity_with_fields_that_are_not_otlps_is_not_remembered(reads: Reads) -> None:
    made = span({**TEST_RUN, "organization.id": str(ORGANIZATION)})
    padding = {"user.id": field(0x7A, b"x" * 10_000), "organization.id": field(0x7A, b"x" * 10_000)}
    padded = [field(0x4A, each.SerializeToString() + padding.get(each.key, b"")) for each in made.attributes]
    del made.attributes[:]
    body = _request(made.SerializeToString() + b"".join(padded))

    for _ in range(2):
        found = outcome(fast.read, body)
        assert found == outcome(decode.read, body) and found is not None and not found.rejected.total()
    assert reads.reader.known and not reads.reader.users and not reads.reader.organizations


@pytest.mark.parametrize("most", range(1, 9))
def test_what_makes_room_while_it_is_remembered_is_not_taken_for_something_else(reads: Reads, most: int) -> None:
    reads.reader.tokens.most = most
    changes = [("http.request.method", "POST"), ("http.route", "/{b}"), ("http.response.status_code", 404)]
    for name, value in changes * 2:
        body = of(span(REQUEST), span({**REQUEST, name: value}), span(REQUEST)).SerializeToString()

        assert outcome(fast.read, body) == outcome(decode.read, body)


def test_who_it_was_is_not_remembered_with_what_was_done(reads: Reads) -> None:
    outcome(fast.read, of(*map(span, OURS)).SerializeToString())

    contents = b"".join(reads.reader.tokens)

    assert b"test_run" in contents and b"/api/tests/" in contents
    for identity in (PERSON, ORGANIZATION, SESSION):
        assert identity.encode() not in contents


@WRITERS
@pytest.mark.parametrize("name", ["x", "user.agent", "user.id", "metadata.x", "http.route", "é", "n" * 130])
@pytest.mark.parametrize("size", [0, 1, 30, 125, 126, 127, 128, 129, 300, 20_000])
def test_an_attribute_is_passed_over_only_if_it_is_surely_none_of_ours(
    name: str, size: int, written: Callable[[bytes], bytes]
) -> None:
    made = span({name: "v" * size}).SerializeToString()
    request = AttributesUnread.FromString(_request(written(made)))
    [attribute] = request.resource_spans[0].scope_spans[0].spans[0].attributes

    ours = name in ("user.id", "metadata.x", "http.route")
    assert fast.is_other(attribute) is (not ours and len(name.encode()) < 128 and size < 16_000)
    for at in range(min(len(attribute), 200)):
        for byte in (0x0A, 0x12, 0x1A, 0x7F, 0x80, attribute[at] ^ 1):
            odd = attribute[:at] + bytes([byte]) + attribute[at + 1 :]
            if fast.is_other(odd):
                with suppress(DecodeError):
                    pair = UnreadAttribute.FromString(odd)
                    assert pair.key.decode(errors="replace") not in {name.decode() for name in fast.NAMES}
                    assert not pair.key.startswith(b"metadata.")


@pytest.mark.parametrize("twin", [True, 1.0, "1.0"])
def test_what_is_remembered_of_1_is_not_said_of_its_like(twin: Value) -> None:
    for value in (1, twin, 1):
        body = of(span({**TEST_RUN, "metadata.test_count": value})).SerializeToString()
        assert outcome(fast.read, body) == outcome(decode.read, body)


def test_an_attribute_that_begins_like_an_identity_and_ends_as_something_else_is_what_it_ends_as() -> None:
    made = span(REQUEST)
    spoilt = (
        KeyValue(key="user.id").SerializeToString()
        + KeyValue(key="http.route", value=AnyValue(string_value="/other")).SerializeToString()
    )
    for values in (made.SerializeToString(), made.SerializeToString() + field(0x4A, spoilt)) * 2:
        body = _request(values)
        found = outcome(fast.read, body)
        assert found is not None and found == outcome(decode.read, body)
        [row] = found.rows[Category.ENDPOINT_USAGE]
        assert packed.values(Category.ENDPOINT_USAGE, row)["endpoint"] == (
            "/other" if spoilt in body else "/api/tests/{id}/"
        )


def test_what_was_judged_by_one_catalogue_is_not_remembered_for_another() -> None:
    body = of(span()).SerializeToString()
    assert outcome(fast.read, body).rejected.total() == 0  # type: ignore[union-attr]

    found = verdict(fast.read, body, Catalogue({}), now=NOW, own=DeploymentType.CLOUD)

    assert found.rejected == {Reason.UNDECLARED: 1}
