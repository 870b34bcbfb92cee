"""The fast way of reading gives what plain reading gives, whatever comes."""

import random
from datetime import UTC, datetime

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from analytics.catalogue import Catalogue, current_catalogue
from analytics.ingest import fast, plain
from analytics.ingest.rows import verdicts
from analytics.ingest.verdicts import Reason, Verdicts
from analytics.ingest.words import Words
from analytics.vocabulary import Category
from privacy.switches import DeploymentType
from tests import profile
from tests.analytics.ingest.mutations import damaged, deep_request, field, odd_request
from tests.analytics.ingest.spans import REQUEST, STOCK_REQUEST, TEST_RUN, of, span
from tests.collector.spans import Value

EXAMPLES = profile.examples(1_000, long=200_000)


def outcome(read: object, body: bytes) -> Verdicts | None:
    """None for what is no request."""
    try:
        spans = read.read(body, current_catalogue())  # type: ignore[attr-defined]  # either module
        return verdicts(spans, now=NOW, own=DeploymentType.CLOUD)
    except DecodeError:
        return None


NOW = datetime.now(UTC)
chances = st.builds(random.Random, st.integers(0, 2**64))
thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@thorough
@given(chances)
def test_fast_is_plain_for_every_request_that_is_whole(chance: random.Random) -> None:
    body = odd_request(chance)

    assert outcome(fast, body) == outcome(plain, body)


@thorough
@given(chances)
def test_fast_is_plain_for_every_request_that_is_damaged(chance: random.Random) -> None:
    body = damaged(odd_request(chance), chance)

    assert outcome(fast, body) == outcome(plain, body)


@thorough
@given(st.binary(max_size=400))
def test_fast_is_plain_for_any_bytes(body: bytes) -> None:
    assert outcome(fast, body) == outcome(plain, body)


def test_the_search_meets_both_what_can_be_read_and_what_cannot() -> None:
    chance = random.Random(5)
    bodies = [damaged(odd_request(chance), chance) for _ in range(300)]

    readable = [outcome(plain, body) is not None for body in bodies]
    only_our_way = [plain_parses(body) is False and outcome(plain, body) is not None for body in bodies]

    assert 30 < sum(readable) < 270
    assert any(only_our_way), "some differ from what protobuf takes by text that is no UTF-8"


def plain_parses(body: bytes) -> bool:
    try:
        ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return False
    return True


def test_nesting_is_refused_at_the_same_depth() -> None:
    bodies = [deep_request(levels) for levels in range(30, 60)]

    taken = [outcome(fast, body) is not None for body in bodies]

    assert taken == [outcome(plain, body) is not None for body in bodies]
    assert taken[0] and not taken[-1]


def test_a_span_with_too_many_attributes_of_which_one_is_broken_is_no_request() -> None:
    made = span({**TEST_RUN, **{f"key.{number}": "@@@" for number in range(200)}})
    body = of(made).SerializeToString().replace(b"key.150\x12\x05", b"key.150\x12\x7f")

    assert outcome(plain, body) is None
    assert outcome(fast, body) is None


@pytest.mark.parametrize(("name", "memo"), [("user.id", fast._identities), ("http.route", fast._attributes)])
def test_what_is_remembered_is_bounded_in_number_and_length(name: str, memo: dict[bytes, object]) -> None:
    for number in range(fast.REMEMBERED + 10):
        fast._attributes[KeyValue(key=name, value={"string_value": str(number)}).SerializeToString()]
    assert 0 < len(memo) <= fast.REMEMBERED

    fast._attributes[KeyValue(key=name, value={"string_value": "x" * 10_000}).SerializeToString()]
    assert max(map(len, memo)) <= fast.LONGEST_REMEMBERED_BYTES


def test_what_has_none_of_our_names_is_not_remembered() -> None:
    raw = KeyValue(key="client.address", value={"string_value": "192.0.2.7"}).SerializeToString()

    assert fast._attributes[raw] == ("client.address", "192.0.2.7")
    assert raw not in fast._attributes


@pytest.mark.parametrize("twin", [True, 1.0, "1.0"])
def test_what_is_remembered_of_1_is_not_said_of_its_like(twin: Value) -> None:
    for value in (1, twin, 1):
        body = of(span({**TEST_RUN, "metadata.test_count": value})).SerializeToString()
        assert outcome(fast, body) == outcome(plain, body)


def test_an_attribute_that_begins_like_an_identity_and_ends_as_something_else_is_what_it_ends_as() -> None:
    made = span(REQUEST)
    spoilt = (
        KeyValue(key="user.id").SerializeToString()
        + KeyValue(key="http.route", value=AnyValue(string_value="/elsewhere")).SerializeToString()
    )
    for values in (made.SerializeToString(), made.SerializeToString() + field(0x4A, spoilt)) * 2:
        body = field(0x0A, field(0x12, field(0x12, values)))
        found = outcome(fast, body)
        assert found is not None and found == outcome(plain, body)
        [row] = found.rows[Category.ENDPOINT_USAGE]
        assert row[6] == ("/elsewhere" if spoilt in body else REQUEST["http.route"])


def test_what_was_judged_by_one_catalogue_is_not_remembered_for_another() -> None:
    body = of(span()).SerializeToString()
    assert outcome(fast, body).rejected.total() == 0  # type: ignore[union-attr]

    found = verdicts(fast.read(body, Catalogue({})), now=NOW, own=DeploymentType.CLOUD)

    assert found.rejected == {Reason.UNDECLARED: 1}


def test_what_spans_say_is_remembered_without_whose_they_are_or_what_is_not_ours() -> None:
    outcome(fast, of(span(), span({**STOCK_REQUEST, "http.route": "/only/here"})).SerializeToString())

    remembered = b"".join(raw for key in fast._words for raw in key)

    assert b"test_run" in remembered and b"feature.action" in remembered
    assert b"user.id" not in remembered and b"/only/here" not in remembered and b"192.0.2.7" not in remembered


def test_what_spans_say_is_bounded_in_number_and_length() -> None:
    memo = fast._Words(None)
    for number in range(fast.REMEMBERED + 10):
        memo.remember((str(number).encode(),), Words())
    assert len(memo) <= fast.REMEMBERED

    for values in ({**REQUEST, "http.route": "/x" * 200}, {**TEST_RUN, **{f"metadata.k{n}": n for n in range(50)}}):
        outcome(fast, of(span(values)).SerializeToString())
    assert max(map(len, fast._words)) <= fast.MOST_REMEMBERED_ATTRIBUTES
    assert max(sum(map(len, key)) for key in fast._words) <= fast.LONGEST_REMEMBERED_BYTES
