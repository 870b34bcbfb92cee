"""The fast way of reading gives what plain reading gives, whatever comes."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
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
from analytics.ingest import fast, layouts, plain, shapes
from analytics.ingest.layouts import field
from analytics.ingest.rows import verdicts
from analytics.ingest.verdicts import PACKED, Reason, Verdicts
from analytics.vocabulary import Category
from privacy.switches import DeploymentType
from tests import profile
from tests.analytics.ingest import packed
from tests.analytics.ingest.mutations import damaged, deep_request, from_the_end, odd_request, spliced
from tests.analytics.ingest.reading import plain_reads
from tests.analytics.ingest.spans import (
    LOGIN,
    OLD_REQUEST,
    ORGANIZATION,
    PERSON,
    REQUEST,
    SESSION,
    STOCK_REQUEST,
    TEST_RUN,
    of,
    span,
)
from tests.collector.spans import Value

EXAMPLES = profile.examples(1_000, long=200_000)


__all__ = ["plain_reads"]  # a fixture

Judge = Callable[..., Verdicts]


def plainly(body: bytes, catalogue: Catalogue, *, now: datetime, own: DeploymentType) -> Verdicts:
    return verdicts(plain.read(body, catalogue), now=now, own=own)


def outcome(judge: Judge, body: bytes) -> Verdicts | None:
    """None for what is no request."""
    try:
        return judge(body, current_catalogue(), now=NOW, own=DeploymentType.CLOUD)
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

    assert outcome(fast.verdicts, body) == outcome(plainly, body)


@thorough
@given(chances)
def test_fast_is_plain_for_every_request_that_is_damaged(chance: random.Random) -> None:
    body = damaged(odd_request(chance), chance)

    assert outcome(fast.verdicts, body) == outcome(plainly, body)


@thorough
@given(st.binary(max_size=400))
def test_fast_is_plain_for_any_bytes(body: bytes) -> None:
    assert outcome(fast.verdicts, body) == outcome(plainly, body)


def test_the_search_meets_both_what_can_be_read_and_what_cannot() -> None:
    chance = random.Random(5)
    bodies = [damaged(odd_request(chance), chance) for _ in range(300)]

    readable = [outcome(plainly, body) is not None for body in bodies]
    only_our_way = [plain_parses(body) is False and outcome(plainly, body) is not None for body in bodies]

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

        found = outcome(fast.verdicts, body)

        assert found is not None and found == outcome(plainly, body)
        assert (found.received, found.rejected.total()) == (1, 0)


def test_a_span_with_too_many_attributes_of_which_one_is_broken_is_no_request() -> None:
    made = span({**TEST_RUN, **{f"key.{number}": "@@@" for number in range(200)}})
    body = of(made).SerializeToString().replace(b"key.150\x12\x05", b"key.150\x12\x7f")

    assert outcome(plainly, body) is None
    assert outcome(fast.verdicts, body) is None


def _request(raw: bytes) -> bytes:
    """Of one span."""
    return field(0x0A, field(0x12, field(0x12, raw)))


def all_shapes() -> list[shapes.Shapes]:
    return [each for _, of_deployment in shapes.known.values() for each in of_deployment.values()]


WRITERS = pytest.mark.parametrize("written", [bytes, from_the_end], ids=["by number", "from the end"])
OURS = (LOGIN, REQUEST, TEST_RUN)


@WRITERS
@pytest.mark.parametrize("organization", [None, uuid4()], ids=["no organization", "one"])
@pytest.mark.parametrize("session", [None, "a session"], ids=["no session", "one"])
def test_none_of_the_spans_that_the_site_sends_is_left_to_plain_reading(
    plain_reads: list[bytes], organization: UUID | None, session: str | None, written: Callable[[bytes], bytes]
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
    sent = encode_spans([clean_span(each, resource()) for each in recorded]).resource_spans[0]
    header = field(0x0A, sent.resource.SerializeToString())
    spans = [field(0x12, written(each.SerializeToString())) for each in sent.scope_spans[0].spans]
    body = field(0x0A, header + field(0x12, b"".join(spans)))

    found = outcome(fast.verdicts, body)

    assert found is not None and found == outcome(plainly, body)
    assert [len(rows) for rows in found.rows.values()] == [2, 2, 2]
    assert plain_reads == []


def test_every_other_span_is_left_to_it(plain_reads: list[bytes]) -> None:
    made = [
        span(STOCK_REQUEST),
        span(OLD_REQUEST),
        span({**LOGIN, "event.type": "erasure_requested"}),
        span({**TEST_RUN, "feature.name": "time_machine"}),
        span({**TEST_RUN, "key": "not one of ours"}),
        span(name="another name"),
        span(parent_span_id=b"a parent"),
        span(trace_state="a=b"),
        span(events=[Span.Event(name="an event")]),
        span(links=[Span.Link(trace_id=b"x" * 16, span_id=b"y" * 8)]),
        span(status=Status(message="words")),
        span(REQUEST, end_time_unix_nano=0),
    ]
    for each in made:
        outcome(fast.verdicts, of(each).SerializeToString())

    assert len(plain_reads) == len(made)
    assert not any(all_shapes()), "nothing of them is remembered"


def test_each_kind_is_read_plainly_never_again(plain_reads: list[bytes]) -> None:
    for _ in range(3):
        outcome(fast.verdicts, of(*map(span, OURS)).SerializeToString())

    assert plain_reads == []
    assert [len(each) for each in all_shapes() if each] == [len(OURS)]


@thorough
@given(chances)
def test_fast_is_plain_for_every_span_with_pieces_more_or_fewer_among_those_of_ours(chance: random.Random) -> None:
    for _ in range(3):
        written = chance.choice((bytes, from_the_end))
        raw = written(span(dict(chance.choice(OURS))).SerializeToString())
        odd = spliced(raw, chance)
        body = b"".join(map(_request, (raw, odd, raw)))

        assert outcome(fast.verdicts, body) == outcome(plainly, body)


@WRITERS
@pytest.mark.parametrize("values", OURS, ids=["activity", "request", "feature"])
def test_no_bit_of_a_span_that_is_known_can_turn_unnoticed(
    values: dict[str, Value], written: Callable[[bytes], bytes]
) -> None:
    raw = written(span(dict(values), flags=0x101).SerializeToString())
    outcome(fast.verdicts, _request(raw))
    for at in range(len(raw) * 8):
        turned = bytearray(raw)
        turned[at // 8] ^= 1 << at % 8
        body = _request(bytes(turned))

        assert outcome(fast.verdicts, body) == outcome(plainly, body), at


def test_what_stands_before_the_times_decides_where_they_are() -> None:
    """Bytes that look like a start within a name, or after one that is cut short, are none."""
    raw = span().SerializeToString()
    times = raw.index(b"\x39", 28)
    for before in (field(0x2A, b"9" * 30), b"\x2a\x7f", b"\x2a\x12", field(0x2A, b"") + field(0x22, b"9" * 8)):
        body = _request(raw[:28] + before + raw[times:])

        assert outcome(fast.verdicts, body) == outcome(plainly, body)


def test_what_is_remembered_is_bounded_in_number_and_length(
    plain_reads: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "REMEMBERED", 50)
    letters = "abcdefghijklmnopqrst"
    for number in range(200):
        values = {
            **REQUEST,
            "user.id": str(UUID(int=number + 1)),
            "http.route": f"/{{{letters[number % 20]}}}/{{{letters[number // 20]}}}",
        }
        outcome(fast.verdicts, of(span(values)).SerializeToString())

    assert len(plain_reads) == 0
    [remembered] = filter(None, all_shapes())
    users = layouts.LAYOUTS[layouts.TRACE_ID].users
    assert 0 < len(remembered) <= 50 and 0 < len(users) <= 50

    outcome(fast.verdicts, of(span({**REQUEST, "http.route": "/" + "word/" * 100})).SerializeToString())
    assert max(sum(map(len, key)) for key in remembered) <= shapes.LONGEST_REMEMBERED_BYTES
    assert max(map(len, users)) == users.size


def test_who_it_was_is_not_remembered_with_what_was_done(plain_reads: list[bytes]) -> None:
    outcome(fast.verdicts, of(*map(span, OURS)).SerializeToString())

    remembered = b"".join(piece for each in all_shapes() for left in each for piece in left)

    assert b"test_run" in remembered and b"http.route" in remembered
    for word in (PERSON, ORGANIZATION, SESSION):
        assert word.encode() not in remembered


@pytest.mark.parametrize("twin", [True, 1.0, "1.0"])
def test_what_is_remembered_of_1_is_not_said_of_its_like(twin: Value) -> None:
    for value in (1, twin, 1):
        body = of(span({**TEST_RUN, "metadata.test_count": value})).SerializeToString()
        assert outcome(fast.verdicts, body) == outcome(plainly, body)


def test_an_attribute_that_begins_like_an_identity_and_ends_as_something_else_is_what_it_ends_as() -> None:
    made = span(REQUEST)
    spoilt = (
        KeyValue(key="user.id").SerializeToString()
        + KeyValue(key="http.route", value=AnyValue(string_value="/other")).SerializeToString()
    )
    for values in (made.SerializeToString(), made.SerializeToString() + field(0x4A, spoilt)) * 2:
        body = _request(values)
        found = outcome(fast.verdicts, body)
        assert found is not None and found == outcome(plainly, body)
        [row] = found.rows[Category.ENDPOINT_USAGE]
        assert packed.values(Category.ENDPOINT_USAGE, row[PACKED])["endpoint"] == (
            "/other" if spoilt in body else "/api/tests/{id}/"
        )


def test_what_was_judged_by_one_catalogue_is_not_remembered_for_another() -> None:
    body = of(span()).SerializeToString()
    assert outcome(fast.verdicts, body).rejected.total() == 0  # type: ignore[union-attr]

    found = fast.verdicts(body, Catalogue({}), now=NOW, own=DeploymentType.CLOUD)

    assert found.rejected == {Reason.UNDECLARED: 1}


@pytest.mark.parametrize("more", [{"http.route": "/users/jane@example.org"}, {"metadata.name": "jane@example.org"}])
def test_what_a_span_is_stored_without_is_not_remembered(plain_reads: list[bytes], more: dict[str, Any]) -> None:
    for _ in range(2):
        outcome(fast.verdicts, of(span({**REQUEST, **more})).SerializeToString())

    assert len(plain_reads) == 2
    assert not any(b"jane@" in piece for remembered in all_shapes() for key in remembered for piece in key)
    assert not any("jane@" in text for text, _, _ in routes._known)
