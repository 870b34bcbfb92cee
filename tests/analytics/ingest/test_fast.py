"""The fast way of reading gives what plain reading gives, whatever comes."""

import random
from datetime import UTC, datetime

from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from analytics.catalogue import current_catalogue
from analytics.ingest import fast, plain
from analytics.ingest.rows import verdicts
from analytics.ingest.verdicts import Verdicts
from privacy.switches import DeploymentType
from tests import profile
from tests.analytics.ingest.mutations import damaged, deep_request, odd_request
from tests.analytics.ingest.spans import TEST_RUN, of, span

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


def test_what_is_remembered_is_bounded_in_number_and_length() -> None:
    for number in range(fast.REMEMBERED + 10):
        fast._attributes[KeyValue(key="user.id", value={"string_value": str(number)}).SerializeToString()]
    assert len(fast._attributes) <= fast.REMEMBERED

    fast._attributes[KeyValue(key="user.id", value={"string_value": "x" * 10_000}).SerializeToString()]
    assert max(map(len, fast._attributes)) <= fast.LONGEST_REMEMBERED_BYTES


def test_what_has_none_of_our_names_is_not_remembered() -> None:
    raw = KeyValue(key="client.address", value={"string_value": "192.0.2.7"}).SerializeToString()

    assert fast._attributes[raw] == ("client.address", "192.0.2.7")
    assert raw not in fast._attributes
