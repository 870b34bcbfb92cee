"""Span -> row or a named reason, by both ways of reading."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from analytics.catalogue import current_catalogue
from analytics.identity import commitment
from analytics.ingest import decode, fast
from analytics.ingest import judge as judging
from analytics.ingest.judge import CLOCK_SKEW
from analytics.ingest.verdict import Part, Reason, Verdict
from analytics.retention import months_before
from analytics.routes import LONGEST_ROUTE
from analytics.vocabulary import Category
from privacy.switches import DeploymentType
from tests.analytics.ingest import packed, spans
from tests.analytics.ingest.mutations import field, nested
from tests.analytics.ingest.spans import (
    ERASURE,
    LOGIN,
    OLD_REQUEST,
    ORGANIZATION,
    PERSON,
    REQUEST,
    SECOND_NS,
    SECRET,
    SESSION,
    STOCK_REQUEST,
    TEST_RUN,
    nanoseconds,
    of,
)
from tests.collector.spans import Value

NOW = datetime.now(UTC).replace(microsecond=0)
Judge = Callable[..., Verdict]


def span(values: dict[str, Value] = TEST_RUN, **fields: Any) -> Span:
    """As `spans.span`, a second before NOW."""
    return spans.span(values, **{"start_time_unix_nano": nanoseconds(NOW) - SECOND_NS, **fields})


@pytest.fixture(params=[decode.read, fast.read], ids=["plain", "fast"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    """The verdicts of a request of these spans, at NOW, with the own deployment cloud."""

    def judged(*spans: Span, resource: dict[str, Value] | None = None, body: bytes | None = None) -> Verdict:
        body = of(*spans, resource=resource).SerializeToString() if body is None else body
        found = judging.verdict(request.param, body, current_catalogue(), now=NOW, own=DeploymentType.CLOUD)
        stored = sum(map(len, found.rows.values()))
        assert found.received == stored + len(found.erasures) + found.rejected.total()
        return found

    yield judged


def only_row(found: Verdict) -> dict[str, Any]:
    """The row by its columns' names. Fails, with the reasons, if there is not just one."""
    assert not found.rejected
    [(category, row)] = [(category, row) for category, of_table in found.rows.items() for row in of_table]
    return packed.values(category, row)


def only_reason(found: Verdict) -> Reason:
    assert found.received == 1, "one span is judged"
    [reason] = found.rejected
    return reason


def changed(values: dict[str, Value], **changes: Value | None) -> dict[str, Value]:
    """With each change made, `_` in a name being a dot; None takes the attribute away."""
    merged = {**values, **{name.replace("__", "."): value for name, value in changes.items()}}
    return {name: value for name, value in merged.items() if value is not None}


def unusable() -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(int_value=1)]))


def with_unusable(values: dict[str, Value], name: str) -> Span:
    made = span({key: value for key, value in values.items() if key != name})
    made.attributes.append(KeyValue(key=name, value=unusable()))
    return made


def test_a_login_becomes_a_row_of_user_activity(judge: Judge) -> None:
    row = only_row(judge(span(LOGIN, start_time_unix_nano=nanoseconds(NOW) - 1_999_999)))

    assert row.pop("id")
    assert row == {
        "timestamp": NOW - timedelta(microseconds=2000),
        "user_id": UUID(PERSON),
        "organization_id": UUID(ORGANIZATION),
        "deployment_type": "self_hosted",
        "metadata": {"method": "password"},
        "event_type": "login",
        "session_id": SESSION,
    }


def test_a_request_becomes_a_row_of_endpoint_usage(judge: Judge) -> None:
    row = only_row(judge(span(REQUEST)))

    assert (row["endpoint"], row["method"], row["status_code"], row["duration_ms"], row["metadata"]) == (
        "/api/tests/{id}/",
        "GET",
        200,
        250.0,
        {},
    )


def test_a_feature_becomes_a_row_of_feature_usage(judge: Judge) -> None:
    row = only_row(judge(span(changed(TEST_RUN, organization__id=None))))

    assert (row["feature_name"], row["action"], row["organization_id"], row["metadata"]) == (
        "test_run",
        "created",
        None,
        {"test_count": 3},
    )


def test_an_older_client_is_understood(judge: Judge) -> None:
    row = only_row(judge(span(OLD_REQUEST), resource={"deployment.type": "self-hosted"}))

    assert (row["method"], row["status_code"], row["duration_ms"], row["deployment_type"]) == (
        "POST",
        201,
        12.5,
        "self_hosted",
    )
    assert row["user_id"] == UUID(int=0x0123456789ABCDEF)
    assert row["organization_id"] == UUID(int=0xFEDCBA9876543210)


def test_an_older_browser_is_understood(judge: Judge) -> None:
    values = changed(LOGIN, user__id="89abcdef", organization__id="01234567", session__id=None)

    row = only_row(judge(span(values), resource={"deployment.type": "unknown"}))

    assert (row["user_id"], row["organization_id"]) == (UUID(int=0x89ABCDEF), UUID(int=0x01234567))
    assert row["deployment_type"] == "cloud"


@pytest.mark.parametrize("word", ["0" * 8, "1234567", "123456789", "12345-67", "0x123456", "janedoe1"])
def test_what_is_no_id_of_an_older_browser_is_no_pseudonym(judge: Judge, word: str) -> None:
    assert only_reason(judge(span({**TEST_RUN, "user.id": word}))) is Reason.BAD_USER


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("false", False), ("False", False)])
def test_a_boolean_that_came_as_text_is_a_boolean_in_metadata(judge: Judge, text: str, value: bool) -> None:
    row = only_row(judge(span({**TEST_RUN, "feature.name": "test_set", "metadata.generated": text})))

    assert row["metadata"] == {"test_count": 3, "generated": value}


@pytest.mark.parametrize("word", ["yes", "1", "TRUE ", "", "jane@example.org"])
def test_other_text_is_no_boolean(judge: Judge, word: str) -> None:
    values: dict[str, Value] = {**TEST_RUN, "feature.name": "test_set", "metadata.generated": word}

    assert only_reason(judge(span(values))) is Reason.BAD_METADATA


@pytest.mark.parametrize("status", [404.0, "404", 404])
def test_a_whole_number_is_one_in_whatever_type_it_comes(judge: Judge, status: Value) -> None:
    assert only_row(judge(span({**REQUEST, "http.response.status_code": status})))["status_code"] == 404


@pytest.mark.parametrize("status", [404.5, float("nan"), float("inf"), 1e300])
def test_a_number_that_is_not_whole_is_no_status(judge: Judge, status: Value) -> None:
    assert only_reason(judge(span({**REQUEST, "http.response.status_code": status}))) is Reason.BAD_HTTP


def test_a_number_that_came_as_text_is_a_number_in_metadata(judge: Judge) -> None:
    values = changed(TEST_RUN, metadata__test_count="7", metadata__duration_s="1.5")

    assert only_row(judge(span(values)))["metadata"] == {"test_count": 7, "duration_s": 1.5}


def test_a_stock_server_span_with_a_user_is_endpoint_usage_and_nothing_else_of_it_is_kept(judge: Judge) -> None:
    row = only_row(judge(span(STOCK_REQUEST), resource={"service.name": "petclinic"}))

    assert (row["endpoint"], row["method"], row["status_code"]) == ("/owners/{ownerId}", "GET", 200)
    assert (row["deployment_type"], row["metadata"]) == ("cloud", {})
    assert "192.0.2.7" not in repr(row) and "curl" not in repr(row)


def test_a_request_without_a_route_is_unmatched(judge: Judge) -> None:
    assert only_row(judge(span(changed(REQUEST, http__route=None))))["endpoint"] == "unmatched"


def test_a_method_of_nobodys_is_other(judge: Judge) -> None:
    assert only_row(judge(span({**REQUEST, "http.request.method": "BREW"})))["method"] == "_OTHER"


@pytest.mark.parametrize("word", [PERSON, PERSON.upper(), PERSON.replace("-", "")])
def test_a_pseudonym_may_be_written_in_any_usual_way(judge: Judge, word: str) -> None:
    assert only_row(judge(span({**TEST_RUN, "user.id": word})))["user_id"] == UUID(PERSON)


def test_the_request_to_delete_is_an_erasure_and_no_row(judge: Judge) -> None:
    made = span(ERASURE)

    found = judge(made, span())

    [erasure] = found.erasures
    assert (erasure.user_id, erasure.requested_at_us) == (commitment(SECRET).bytes, made.start_time_unix_nano // 1000)
    assert [len(rows) for rows in found.rows.values()] == [0, 0, 1]


@pytest.mark.parametrize("days", [-800, 800])
def test_a_request_to_delete_is_taken_however_wrong_its_senders_clock_is(judge: Judge, days: int) -> None:
    """Refused, it would count as acknowledged and never come again. It is of no later than now."""
    said_ns = nanoseconds(NOW + timedelta(days=days))

    [erasure] = judge(span(ERASURE, start_time_unix_nano=said_ns, end_time_unix_nano=said_ns)).erasures

    assert erasure.requested_at_us == min(said_ns, nanoseconds(NOW)) // 1000


def test_a_request_to_delete_of_nobody_is_refused(judge: Judge) -> None:
    assert judge(span(changed(ERASURE, user__id=None))).rejected == {Reason.BAD_USER: 1}


def test_a_request_to_delete_of_no_moment_at_all_is_refused(judge: Judge) -> None:
    """It would delete nothing, and be acknowledged."""
    verdicts = judge(span(ERASURE, start_time_unix_nano=0, end_time_unix_nano=0))

    assert verdicts.erasures == []
    assert verdicts.rejected == {Reason.BAD_TIMESTAMP: 1}


def test_the_secret_may_be_written_in_capitals(judge: Judge) -> None:
    assert len(judge(span({**ERASURE, "erasure.secret": SECRET.hex().upper()})).erasures) == 1


def test_a_secret_on_any_other_span_is_not_looked_at(judge: Judge) -> None:
    ids = {"trace_id": b"t" * 16, "span_id": b"s" * 8}
    found = judge(span({**LOGIN, "erasure.secret": "whatever"}, **ids))
    assert only_row(found) == only_row(judge(span(LOGIN, **ids))) and not found.dropped


@pytest.mark.parametrize("version", sorted(set("0123456789abcdef") - {"8"}))
def test_a_uuid_of_another_version_is_nobodys_pseudonym(judge: Judge, version: str) -> None:
    """Such as the key of an account, which random UUIDs are."""
    word = f"5f0c4d7e-1111-{version}000-8000-000000000001"
    for name, reason in (
        ("user.id", Reason.BAD_USER),
        ("organization.id", Reason.BAD_ORGANIZATION),
        ("session.id", Reason.BAD_SESSION),
    ):
        for written in (word, word.replace("-", ""), word.upper()):
            assert only_reason(judge(span({**LOGIN, name: written}))) is reason


@pytest.mark.parametrize("variant", "01234567cdef")
def test_nor_is_one_of_another_variant(judge: Judge, variant: str) -> None:
    word = f"5f0c4d7e-1111-8000-{variant}000-000000000001"
    assert only_reason(judge(span({**LOGIN, "user.id": word}))) is Reason.BAD_USER


def test_the_id_of_an_object_as_it_is_in_a_database_is_not_taken_for_its_pseudonym(judge: Judge) -> None:
    assert only_reason(judge(span({**TEST_RUN, "metadata.test_id": str(uuid4())}))) is Reason.BAD_METADATA
    assert only_row(judge(span({**TEST_RUN, "metadata.test_id": PERSON})))["metadata"]["test_id"] == PERSON


def test_the_row_id_is_of_the_span_alone_and_in_the_order_of_time(judge: Judge) -> None:
    early, late = span(), span(start_time_unix_nano=nanoseconds(NOW))

    first, again, other = (only_row(judge(each))["id"] for each in (early, early, late))

    assert first == again and first != other
    assert first.bytes < other.bytes
    assert (first.version, first.variant) == (8, UUID(PERSON).variant)


def test_ids_of_spans_of_one_moment_differ_in_all_bits_that_a_uuid_leaves() -> None:
    """128, less 48 of the time in milliseconds and 6 that say which layout it is."""
    ids = [UUID(bytes=judging.row_id(1_772_600_767_890_123_456, os.urandom(16), os.urandom(8))).int for _ in range(200)]
    ever, always = 0, ids[0]
    for each in ids:
        ever, always = ever | each, always & each
    assert (ever ^ always).bit_count() == 128 - 48 - 6
    assert always == 1_772_600_767_890 << 80 | 0x8000_8000_0000_0000_0000


@pytest.mark.parametrize(
    ("reason", "values"),
    [
        (Reason.NOT_TELEMETRY, {"http.request.method": "GET", "http.route": "/"}),
        (Reason.NOT_TELEMETRY, {}),
        (Reason.NOT_TELEMETRY, {"event.category": "weather", "user.id": PERSON}),
        (Reason.NOT_TELEMETRY, {"user.id": PERSON, "db.system": "postgresql"}),
        (Reason.NOT_TELEMETRY, {**REQUEST, "event.category": 5}),
        (Reason.BAD_USER, changed(TEST_RUN, user__id=None)),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": "somebody@example.org"}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": 17}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": "0" * 16}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": "00000000-0000-0000-0000-000000000000"}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": "0x23456789abcdef"}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": " 23456789abcdef "}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": "1234_5678_9abcde"}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": "١٢٣٤٥٦٧٨١٢٣٤٥٦٧٨"}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": "a\0" * 8}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": "f" * 1_000_000}),
        (Reason.BAD_USER, {**TEST_RUN, "user.id": "5f0c4d7e1111-8000-8000-000000000001"}),
        (Reason.BAD_SECRET, changed(ERASURE, erasure__secret=None)),
        (Reason.BAD_SECRET, {**ERASURE, "erasure.secret": ""}),
        (Reason.BAD_SECRET, {**ERASURE, "erasure.secret": 7}),
        (Reason.BAD_SECRET, {**ERASURE, "erasure.secret": SECRET.hex()[:-1]}),
        (Reason.BAD_SECRET, {**ERASURE, "erasure.secret": SECRET.hex() + "00"}),
        (Reason.BAD_SECRET, {**ERASURE, "erasure.secret": "z" * 64}),
        (Reason.BAD_SECRET, {**ERASURE, "erasure.secret": "\u0661" * 64}),
        (Reason.BAD_SECRET, {**ERASURE, "erasure.secret": f"0{SECRET.hex()[1:-1]}0"}),
        (Reason.BAD_SECRET, {**ERASURE, "erasure.secret": str(ERASURE["user.id"])}),
        (Reason.BAD_SECRET, {**ERASURE, "user.id": PERSON}),
        (Reason.BAD_SECRET, {**ERASURE, "user.id": "0123456789abcdef"}),
        (Reason.BAD_ORGANIZATION, {**TEST_RUN, "organization.id": "acme"}),
        (Reason.BAD_ORGANIZATION, {**TEST_RUN, "organization.id": ""}),
        (Reason.BAD_SESSION, {**LOGIN, "session.id": "abc"}),
        (Reason.BAD_SESSION, {**LOGIN, "session.id": True}),
        (Reason.UNDECLARED, {**LOGIN, "event.type": "took_a_nap"}),
        (Reason.UNDECLARED, {**LOGIN, "event.type": "login\0"}),
        (Reason.UNDECLARED, changed(LOGIN, event__type=None)),
        (Reason.UNDECLARED, {**TEST_RUN, "feature.name": "time_machine"}),
        (Reason.UNDECLARED, {**TEST_RUN, "feature.action": "eaten"}),
        (Reason.UNDECLARED, changed(TEST_RUN, feature__action=None)),
        (Reason.BAD_METADATA, {**TEST_RUN, "metadata.test_count": -1}),
        (Reason.BAD_METADATA, {**TEST_RUN, "metadata.test_count": 2**62}),
        (Reason.BAD_METADATA, {**TEST_RUN, "metadata.test_count": "many"}),
        (Reason.BAD_METADATA, {**TEST_RUN, "metadata.test_count": True}),
        (Reason.BAD_METADATA, {**TEST_RUN, "metadata.duration_s": float("nan")}),
        (Reason.BAD_METADATA, {**TEST_RUN, "metadata.duration_s": "1_0"}),
        (Reason.BAD_METADATA, {**TEST_RUN, "metadata.test_id": "17"}),
        (Reason.BAD_METADATA, {**LOGIN, "metadata.method": "password\0"}),
        (Reason.BAD_HTTP, {**REQUEST, "http.response.status_code": 99}),
        (Reason.BAD_HTTP, {**REQUEST, "http.response.status_code": 2**40}),
        (Reason.BAD_HTTP, {**REQUEST, "http.response.status_code": "two hundred"}),
        (Reason.BAD_HTTP, changed(REQUEST, **{"http.response.status_code": None})),
        (Reason.BAD_HTTP, changed(REQUEST, **{"http.request.method": None})),
        (Reason.BAD_HTTP, {**REQUEST, "http.route": ""}),
        (Reason.BAD_HTTP, {**REQUEST, "http.route": "/a\0b"}),
        (Reason.BAD_HTTP, {**REQUEST, "http.route": "/search?q=secret"}),
        (Reason.BAD_HTTP, {**REQUEST, "http.route": "/" + "a" * LONGEST_ROUTE}),
        (Reason.BAD_HTTP, {**REQUEST, "duration_ms": float("inf")}),
        (Reason.BAD_HTTP, {**REQUEST, "duration_ms": -1.0}),
        (Reason.BAD_HTTP, {**REQUEST, "duration_ms": "soon"}),
        (Reason.BAD_HTTP, {**REQUEST, "duration_ms": 1e300}),
    ],
)
def test_what_a_span_carries_decides_the_reason(judge: Judge, reason: Reason, values: dict[str, Value]) -> None:
    assert only_reason(judge(span(values))) is reason


@pytest.mark.parametrize(
    ("reason", "values", "name"),
    [
        (Reason.NOT_TELEMETRY, REQUEST, "event.category"),
        (Reason.BAD_USER, TEST_RUN, "user.id"),
        (Reason.BAD_ORGANIZATION, TEST_RUN, "organization.id"),
        (Reason.BAD_SESSION, LOGIN, "session.id"),
        (Reason.UNDECLARED, LOGIN, "event.type"),
        (Reason.BAD_HTTP, REQUEST, "http.route"),
        (Reason.BAD_METADATA, TEST_RUN, "metadata.test_count"),
    ],
)
def test_an_array_where_a_word_is_wanted_is_refused_and_not_taken_for_nothing(
    judge: Judge, reason: Reason, values: dict[str, Value], name: str
) -> None:
    assert only_reason(judge(with_unusable(values, name))) is reason


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        (Reason.BAD_SPAN_ID, {"trace_id": b""}),
        (Reason.BAD_SPAN_ID, {"trace_id": bytes(16)}),
        (Reason.BAD_SPAN_ID, {"trace_id": os.urandom(15)}),
        (Reason.BAD_SPAN_ID, {"trace_id": os.urandom(17)}),
        (Reason.BAD_SPAN_ID, {"span_id": bytes(8)}),
        (Reason.BAD_SPAN_ID, {"span_id": os.urandom(16)}),
        (Reason.BAD_TIMESTAMP, {"start_time_unix_nano": 0}),
        (Reason.BAD_TIMESTAMP, {"end_time_unix_nano": 1}),
        (Reason.IN_FUTURE, {"start_time_unix_nano": nanoseconds(NOW + CLOCK_SKEW) + 1000}),
        (Reason.IN_FUTURE, {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 2**64 - 1}),
        (Reason.TOO_OLD, {"start_time_unix_nano": nanoseconds(months_before(NOW, 12)) - 1000}),
        (Reason.TOO_OLD, {"start_time_unix_nano": 1}),
    ],
)
def test_ids_and_times_decide_the_reason(judge: Judge, reason: Reason, fields: dict[str, object]) -> None:
    assert only_reason(judge(span(**fields))) is reason


@pytest.mark.parametrize("moment", [months_before(NOW, 12), NOW + CLOCK_SKEW])
def test_the_ends_of_the_window_are_inside(judge: Judge, moment: datetime) -> None:
    assert only_row(judge(span(start_time_unix_nano=nanoseconds(moment))))["timestamp"] == moment


@pytest.mark.parametrize("values", [REQUEST, STOCK_REQUEST])
def test_a_request_that_never_ended_has_no_duration_to_store(judge: Judge, values: dict[str, Value]) -> None:
    assert only_reason(judge(span(values, end_time_unix_nano=0))) is Reason.BAD_TIMESTAMP


@pytest.mark.parametrize("took_ns", [0, 400_000])
def test_a_request_that_took_no_time_to_speak_of_is_stored(judge: Judge, took_ns: int) -> None:
    start = nanoseconds(NOW)
    quick = span(REQUEST, start_time_unix_nano=start, end_time_unix_nano=start + took_ns)

    assert only_row(judge(quick))["duration_ms"] == took_ns / 1e6


def test_a_request_takes_a_day_at_most(judge: Judge) -> None:
    start = nanoseconds(NOW - timedelta(days=2))
    day = span(REQUEST, start_time_unix_nano=start, end_time_unix_nano=start + 86_400 * SECOND_NS)
    longer = span(REQUEST, start_time_unix_nano=start, end_time_unix_nano=start + 86_400 * SECOND_NS + 1000)

    assert only_row(judge(day))["duration_ms"] == 86_400_000
    assert only_reason(judge(longer)) is Reason.BAD_HTTP


def test_a_request_that_never_ended_is_stored_if_it_names_its_duration(judge: Judge) -> None:
    assert only_row(judge(span(OLD_REQUEST, end_time_unix_nano=0)))["duration_ms"] == 12.5


@pytest.mark.parametrize("kind", [0, 1, 3, 4, 5, 6])
def test_only_a_servers_span_is_usage_of_an_endpoint(judge: Judge, kind: int) -> None:
    """Whatever puts the user on every span of a service puts it on its calls of others too."""
    assert only_reason(judge(span(STOCK_REQUEST, kind=kind))) is Reason.NOT_TELEMETRY


@pytest.mark.parametrize(
    ("kind", "is_stored"), [(0, True), (1, True), (2, True), (3, False), (4, False), (5, False), (6, False)]
)
@pytest.mark.parametrize("values", [REQUEST, OLD_REQUEST])
def test_a_span_that_names_its_category_may_be_internal_but_no_call_of_another_service(
    judge: Judge, values: dict[str, Value], kind: int, is_stored: bool
) -> None:
    found = judge(span(values, kind=kind))

    assert found.rejected == ({} if is_stored else {Reason.NOT_TELEMETRY: 1})


@pytest.mark.parametrize("values", [REQUEST, OLD_REQUEST, STOCK_REQUEST])
@pytest.mark.parametrize("status", [None, 0])
def test_a_request_that_ended_in_an_exception_is_stored_with_its_status_unknown(
    judge: Judge, values: dict[str, Value], status: int | None
) -> None:
    name = "http.status_code" if "http.status_code" in values else "http.response.status_code"
    failed = changed(values, **{name: status})

    row = only_row(judge(span(failed, status=Status(code=Status.STATUS_CODE_ERROR, message="KeyError: 'jane'"))))

    assert row["status_code"] == 0
    assert "jane" not in repr(row)
    assert only_reason(judge(span(failed))) is Reason.BAD_HTTP


def test_a_status_that_is_there_is_stored_though_the_span_ended_in_an_exception(judge: Judge) -> None:
    failed = span({**REQUEST, "http.response.status_code": 503}, status=Status(code=Status.STATUS_CODE_ERROR))

    assert only_row(judge(failed))["status_code"] == 503


@pytest.mark.parametrize(("word", "method"), [("get", "GET"), ("Patch", "PATCH"), ("brew", "_OTHER"), ("", "_OTHER")])
def test_a_method_is_known_in_any_letter_case(judge: Judge, word: str, method: str) -> None:
    assert only_row(judge(span({**REQUEST, "http.request.method": word})))["method"] == method


def test_an_event_that_never_ended_is_stored(judge: Judge) -> None:
    assert only_row(judge(span(LOGIN, end_time_unix_nano=0)))["event_type"] == "login"


def test_a_deployment_of_nobodys_is_refused_and_costs_other_resources_nothing(judge: Judge) -> None:
    both = of(span(), resource={"deployment.type": "the moon"})
    both.MergeFrom(of(span()))

    found = judge(body=both.SerializeToString())

    assert (found.rejected, len(found.rows[Category.FEATURE_USAGE])) == (Counter({Reason.BAD_DEPLOYMENT: 1}), 1)


def test_of_a_repeated_attribute_the_last_counts(judge: Judge) -> None:
    made = span()
    made.attributes.append(KeyValue(key="feature.action", value=AnyValue(string_value="viewed")))

    assert only_row(judge(made))["action"] == "viewed"


def test_an_empty_attribute_is_one_that_is_not_there(judge: Judge) -> None:
    made = span(changed(TEST_RUN, organization__id=None))
    made.attributes.append(KeyValue(key="organization.id", value=AnyValue()))

    assert only_row(judge(made))["organization_id"] is None


def test_attributes_that_are_not_ours_cost_nothing_however_many(judge: Judge) -> None:
    found = judge(span({**TEST_RUN, **{f"key.{number}": number for number in range(10_000)}}))

    assert only_row(found)["action"] == "created"
    assert not found.dropped


def test_an_undeclared_metadata_key_is_dropped_and_counted_and_the_event_stored(judge: Judge) -> None:
    found = judge(
        span({**TEST_RUN, "metadata.email": "a@example.org", "metadata.": 1, "metadata.metric_kind": "custom"})
    )

    assert only_row(found)["metadata"] == {"test_count": 3}
    assert found.dropped == Counter({Part.METADATA_KEY: 3})


@pytest.mark.parametrize(
    "broken", [b"\xed\xa0\x80", b"\xff\xff\xff", b"\xc0\x80a"], ids=["surrogate", "no text", "overlong"]
)
def test_text_that_is_no_utf_8_costs_only_the_span_that_needs_it(judge: Judge, broken: bytes) -> None:
    spoilt = of(
        span({**REQUEST, "http.route": "@@@"}), span({**REQUEST, "other": "@@@"}), span({**REQUEST, "@@@": "x"})
    )

    found = judge(body=spoilt.SerializeToString().replace(b"@@@", broken))

    assert found.rejected == Counter({Reason.BAD_HTTP: 1})
    assert len(found.rows[Category.ENDPOINT_USAGE]) == 2


def test_a_metadata_name_that_is_no_utf_8_is_undeclared(judge: Judge) -> None:
    body = of(span({**TEST_RUN, "metadata.@@@": 1})).SerializeToString()

    found = judge(body=body.replace(b"@@@", b"\xff\xfe\xfd"))

    assert only_row(found)["metadata"] == {"test_count": 3}
    assert found.dropped == Counter({Part.METADATA_KEY: 1})


@pytest.mark.parametrize("place", ["a span's attribute", "an attribute of ours", "the sender's"])
def test_nesting_past_protobuf_s_limit_costs_no_other_span(judge: Judge, place: str) -> None:
    key = "http.route" if place == "an attribute of ours" else "deep"
    deep = KeyValue(key=key).SerializeToString() + field(0x12, nested(1000))
    body = of(span()).SerializeToString()
    if place == "the sender's":
        body += field(0x0A, field(0x0A, field(0x0A, deep)) + field(0x12, field(0x12, span().SerializeToString())))
    else:
        body += field(0x0A, field(0x12, field(0x12, span(REQUEST).SerializeToString() + field(0x4A, deep))))

    found = judge(body=body)

    assert found.received == 2
    assert found.rejected == Counter({Reason.BAD_HTTP: 1} if place == "an attribute of ours" else {})


@pytest.mark.parametrize(
    "body", [b"\x0a\xff", b"not protobuf", pytest.param(of(span()).SerializeToString()[:-3], id="cut short")]
)
def test_what_is_no_request_at_all_is_an_error(judge: Judge, body: bytes) -> None:
    with pytest.raises(DecodeError):
        judge(body=body)


def test_nothing_at_all_is_no_spans(judge: Judge) -> None:
    assert judge(body=b"").received == 0


def test_the_doctors_span_is_noted_and_not_counted(judge: Judge) -> None:
    found = judge(span({"event.category": "doctor_span"}, trace_id=b"d" * 16), span())

    assert (found.doctors, found.received) == ([b"d" * 16], 1)


def test_a_doctors_span_without_a_proper_trace_id_is_no_telemetry(judge: Judge) -> None:
    found = judge(span({**LOGIN, "event.category": "doctor_span"}, trace_id=b"short"))

    assert (found.doctors, only_reason(found)) == ([], Reason.NOT_TELEMETRY)


def test_one_bad_span_among_good_ones_costs_them_nothing(judge: Judge) -> None:
    found = judge(span(LOGIN), span({}), span(REQUEST), span(trace_id=b"x"), span())

    assert found.rejected == Counter({Reason.NOT_TELEMETRY: 1, Reason.BAD_SPAN_ID: 1})
    assert [len(rows) for rows in found.rows.values()] == [1, 1, 1]


def test_every_reason_but_erased_has_a_case_here() -> None:
    marks = [test_what_a_span_carries_decides_the_reason, test_ids_and_times_decide_the_reason]
    tried = {case[0] for each in marks for case in each.pytestmark[0].args[1]}  # type: ignore[attr-defined]

    # test_catalogue_expiry.py has the case of an expired event, test_voucher.py that of a missing voucher.
    assert set(Reason) - tried == {Reason.ERASED, Reason.BAD_DEPLOYMENT, Reason.EXPIRED, Reason.NOT_VOUCHED}


def test_the_documentation_lists_each_reason_once_and_no_other() -> None:
    text = (Path(__file__).parents[3] / "docs/ingest.md").read_text()
    for heading, names in (("Why a span is rejected", Reason), ("Parts missing from stored spans", Part)):
        section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]

        assert re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE) == [name.value for name in names]


def test_yesterday_and_today_are_judged_by_the_clock_they_are_given(judge: Judge) -> None:
    made = span(start_time_unix_nano=nanoseconds(NOW))
    body = of(made).SerializeToString()

    early = judging.verdict(
        decode.read, body, current_catalogue(), now=NOW - timedelta(days=1), own=DeploymentType.CLOUD
    )

    assert only_reason(early) is Reason.IN_FUTURE


@pytest.mark.parametrize(
    "release",
    ["1", "1.4", "1.4.2", "2026.11.27", "20261127", "1.4.2rc1", "1.4.2-rc.1", "1.0.0.dev4", "2.0-beta", None, ""],
)
def test_a_release_is_stored_with_each_request_and_with_nothing_else(judge: Judge, release: str | None) -> None:
    resource: dict[str, Value] = {} if release is None else {"service.version": release}
    found = judge(span(REQUEST), span(LOGIN), span(TEST_RUN), resource=resource)
    [row] = found.rows[Category.ENDPOINT_USAGE]
    assert packed.values(Category.ENDPOINT_USAGE, row)["service_version"] == (release or None)
    assert found.dropped[Part.SERVICE_VERSION] == 0


@pytest.mark.parametrize(
    "release",
    [
        "v1.4.2",
        "10.0.0.1",
        "1.4.2+4f87876",
        "main",
        "4f87876",
        "jane@example.org",
        "1.4.2 ",
        "1.4.2\n",
        "1..2",
        "٣",
        3,
        "1" * 9,
    ],
)
def test_another_form_of_release_is_not_stored_and_counted_once_a_request(judge: Judge, release: Value) -> None:
    found = judge(span(REQUEST), span(REQUEST), span(LOGIN), resource={"service.version": release})
    rows = [packed.values(Category.ENDPOINT_USAGE, row) for row in found.rows[Category.ENDPOINT_USAGE]]
    assert [row["service_version"] for row in rows] == [None, None]
    assert found.dropped[Part.SERVICE_VERSION] == 2 and not found.rejected


def test_each_resource_of_a_request_has_its_own_release(judge: Judge) -> None:
    releases = ["1.4.1", "1.4.2", "main", None]
    bodies = [
        of(span(REQUEST), resource={} if release is None else {"service.version": release}).SerializeToString()
        for release in releases
    ]
    found = judge(body=b"".join(bodies))
    rows = [packed.values(Category.ENDPOINT_USAGE, row) for row in found.rows[Category.ENDPOINT_USAGE]]
    assert [row["service_version"] for row in rows] == ["1.4.1", "1.4.2", None, None]
    assert found.dropped[Part.SERVICE_VERSION] == 1
