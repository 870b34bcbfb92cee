"""`POST /v1/traces`: whose, from where, how much, and what becomes of it."""

import base64
import json
import time
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from django.test import Client
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan
from pytest_django import Settings

from accounts.models import Organization, User
from analytics.collect import pipeline
from analytics.collect.relay import forward
from analytics.collect.relay.forward import REST_AFTER_FAILURE_SECONDS
from analytics.collect.transport.answers import Reason, again
from analytics.identity import Kind, pseudonym
from analytics.models import ExportTally
from analytics.voucher import Vouchers
from privacy.choices import choose, set_lock
from privacy.clock import database_now, unix_ns
from privacy.gate import decision_for
from privacy.models import Source
from tests.support.clock import Clock
from tests.support.people import alias_of, salt

from .conftest import Browser, Wire, body, page_view, span, unreadable

YEAR_NS = 365 * 24 * 3600 * 10**9
SECOND_NS = 10**9


def tally() -> dict[tuple[str, str], int]:
    pipeline.tally.write()
    return {(row.outcome, row.reason): row.spans for row in ExportTally.objects.all()}


def attributes(sent: ReadableSpan) -> dict[str, Any]:
    return dict(sent.attributes or {})


def test_an_event_goes_out_as_the_session_s_person_with_the_browser_s_ids(
    wire: Wire, browser: Browser, person: User
) -> None:
    person.organization = Organization.objects.create(name="Lovelace & Co")
    person.save()
    at_ns = time.time_ns()

    answer = browser.post(body(page_view(at_ns=at_ns, ids=("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"))))

    assert (answer.status_code, answer.content) == (200, b"{}")
    assert "no-store" in answer["Cache-Control"]
    (sent,) = wire.spans
    assert attributes(sent) == {
        "event.category": "feature_usage",
        "user.id": str(alias_of(person)),
        "organization.id": str(pseudonym(Kind.ORGANIZATION, person.organization.pk)),
        "feature.name": "page_view",
        "feature.action": "viewed",
        "metadata.route": "/tests/:id",
    }
    assert sent.name == "feature.usage"
    assert (sent.context.trace_id, sent.context.span_id) == (0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331)
    assert sent.start_time == at_ns


def test_an_activity_carries_the_session_s_pseudonym(wire: Wire, browser: Browser, person: User) -> None:
    browser.post(body(span(event__category="user_activity", event__type="session_end", metadata__duration_s=90)))

    assert attributes(wire.spans[0])["session.id"] == str(
        pseudonym(Kind.SESSION, browser.client.session.session_key or "", salt(person))
    )


def test_ids_of_people_in_the_body_count_for_nothing(wire: Wire, browser: Browser, person: User) -> None:
    other = "11111111-1111-4111-8111-111111111111"

    browser.post(body(page_view(user__id=other, organization__id=other, session__id=other)))

    assert other not in str(attributes(wire.spans[0]))
    assert attributes(wire.spans[0])["user.id"] == str(alias_of(person))


def test_an_id_as_metadata_leaves_as_a_pseudonym(wire: Wire, browser: Browser, person: User) -> None:
    browser.post(
        body(
            span(
                event__category="feature_usage",
                feature__name="test_run",
                feature__action="created",
                metadata__test_id="123",
            )
        )
    )

    assert attributes(wire.spans[0])["metadata.test_id"] == str(
        pseudonym(Kind.METADATA, "test_id\x00123", salt(person))
    )


def test_protobuf_is_answered_in_protobuf(wire: Wire, browser: Browser) -> None:
    parts = page_view()
    for name in ("traceId", "spanId"):
        parts.pop(name)
    request = ParseDict(body(parts), ExportTraceServiceRequest())
    sent = request.resource_spans[0].scope_spans[0].spans[0]
    sent.trace_id, sent.span_id = bytes(range(16)), bytes(range(8))

    answer = browser.post(request.SerializeToString(), content_type="application/x-protobuf")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-protobuf")
    assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    assert wire.spans[0].context.trace_id == int.from_bytes(bytes(range(16)), "big")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (page_view("/tests/4711"), "bad_metadata"),
        (span(event__category="feature_usage", feature__name="no_such", feature__action="viewed"), "undeclared"),
        (span(event__category="feature_usage", feature__name="test_run", feature__action="eaten"), "undeclared"),
        (span(event__category="feature_usage", feature__name=7, feature__action="viewed"), "undeclared"),
        (span(event__category="feature_usage", feature__name="test_run", feature__action=1.5), "undeclared"),
        (
            span(
                event__category="feature_usage",
                feature__name="test_run",
                feature__action="run",
                metadata__test_count=-1,
            ),
            "bad_metadata",
        ),
        (span(event__category="user_activity", event__type="login"), "not_for_browsers"),
        (span(event__category="user_activity", event__type="erasure_requested"), "not_for_browsers"),
        (span(event__category="feature_usage", feature__name="report", feature__action="viewed"), "not_for_browsers"),
        (span(event__category="endpoint_usage", http__route="/"), "not_for_browsers"),
        (span(http__request__method="GET"), "not_for_browsers"),
        (page_view(at_ns=0), "bad_time"),
        (page_view(at_ns=time.time_ns() + YEAR_NS), "bad_time"),
        (page_view(at_ns=time.time_ns() - 25 * 3600 * SECOND_NS), "bad_time"),
        (page_view(ids=("0" * 32, "b7ad6b7169203331")), "bad_ids"),
        (page_view(**{f"extra{number}": 1 for number in range(64)}), "too_large"),
        (page_view(route={"arrayValue": {"values": [{"stringValue": "/"}]}}), "bad_metadata"),
    ],
)
def test_a_span_that_does_not_fit_is_a_counted_rejection_and_costs_its_neighbour_nothing(
    wire: Wire, browser: Browser, bad: dict[str, Any], reason: str
) -> None:
    answer = browser.post(body(bad, page_view("/")))

    assert answer.status_code == 200
    assert answer.json() == {"partialSuccess": {"rejectedSpans": "1", "errorMessage": f"{reason}: 1"}}
    assert [attributes(sent)["metadata.route"] for sent in wire.spans] == ["/"]
    assert tally() == {("invalid", f"browser_{reason}"): 1, ("sent", ""): 1}


def _nested(depth: int) -> bytes:
    return b'{"resourceSpans":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    "junk",
    [
        b" ",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"text"',
        b'{"resourceSpans": 7}',
    ],
)
def test_junk_is_a_400_with_a_reason_that_quotes_nothing(wire: Wire, browser: Browser, junk: bytes) -> None:
    answer = browser.post(junk)

    assert answer.status_code == 400, answer.content
    assert answer.json()["message"].startswith(("the body is not an OTLP request in JSON", "a "))
    assert wire.spans == []


def test_what_a_later_version_of_otlp_adds_to_an_attribute_is_not_looked_at(wire: Wire, browser: Browser) -> None:
    sent = page_view("/")
    for attribute in sent["attributes"]:
        attribute["ofALaterVersion"] = True

    assert browser.post(body(sent)).content == b"{}"
    assert len(wire.spans) == 1


GOOD = [page_view(), page_view("/"), page_view("/tests")]
BAD: list[Any] = [
    *(7, None, "text", [], [GOOD[0]], True, {}),
    *(
        span() | {"traceId": wrong}
        for wrong in (7, None, "zz" * 16, "ab" * 15, "q6urq6urq6urq6urq6urqw==", [], {}, "\ud83d")
    ),
    *(span() | {"spanId": wrong} for wrong in ("ab" * 16, "", 1.5, "\ud83d")),
    *(
        span() | {"attributes": wrong}
        for wrong in ([7], 7, {"a": 1}, [{"key": 7}], [{"value": {"stringValue": "a"}}] * 3)
    ),
    *(span() | {"attributes": [{"key": "a", "value": wrong}]} for wrong in (7, "text", [], {"intValue": "1.5"})),
    *(span() | {"attributes": [{"key": "a", "value": {"intValue": wrong}}]} for wrong in (2**70, "9" * 400, "\ud83d")),
    *(
        span() | {"attributes": wrong}
        for wrong in ([{"\ud83d": 1}], ["\ud83d"], [{"key": "a", "value": {"\ud83d": 1}}])
    ),
    *(span() | {"startTimeUnixNano": wrong} for wrong in ("-1", "9" * 400, {}, 2**70, 1e300, "soon")),
    span(event__category="feature_usage", feature__name="test_run", feature__action="run \ud83d"),
    page_view("/tests/\ud83d"),
    page_view(float("nan")),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: repr(bad)[-60:].encode("ascii", "replace").decode())
def test_one_event_that_cannot_be_read_costs_no_other(wire: Wire, browser: Browser, bad: Any) -> None:
    first, second, third = GOOD
    answer = browser.post(json.dumps(body(_anew(first), bad, _anew(second), _anew(third))).encode())

    assert answer.status_code == 200, answer.content
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert len(wire.spans) == 3


@pytest.mark.parametrize("broken", [b"\xff", b"\xed\xa0\xbd", b"\xc3", b"M\xfcller"])
@pytest.mark.parametrize("bad", [page_view("@@@"), page_view() | {"attributes": [{"@@@": 1}]}])
def test_bytes_that_are_no_text_cost_no_other_event(
    wire: Wire, browser: Browser, bad: dict[str, Any], broken: bytes
) -> None:
    first, second, third = GOOD
    text = json.dumps(body(_anew(first), bad, _anew(second), _anew(third)))

    answer = browser.post(text.encode().replace(b"@@@", broken))

    assert answer.status_code == 200, answer.content
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert len(wire.spans) == 3


@pytest.mark.parametrize(
    "wrong", ["9" * 5000, "[" * 20_000 + "]" * 20_000, '{"a":' * 9_000 + "1" + "}" * 9_000, "1e999"]
)
@pytest.mark.parametrize("place", ['"startTimeUnixNano":', '"attributes":', '"kind":', '"unknown":'])
def test_a_number_without_end_and_a_nest_cost_no_other_event(
    wire: Wire, browser: Browser, place: str, wrong: str
) -> None:
    good = [json.dumps(_anew(each)) for each in GOOD]
    spoilt = json.dumps(_anew(GOOD[0]))[:-1] + f", {place} {wrong}}}"
    text = json.dumps(body({"HERE": 1})).replace('{"HERE": 1}', ",".join([good[0], spoilt, good[1], good[2]]))

    assert browser.post(text.encode()).status_code == 200
    # Of what is read of no span anyway, the wrong one costs not even its own.
    assert len(wire.spans) == (4 if place in ('"kind":', '"unknown":') else 3)


@pytest.mark.parametrize(
    "junk",
    [b'{"resourceSpans": [7, ', b'{"resourceSpans": [{"scopeSpans": 7}, ', b'{"resourceSpans": [{"scopeSpans": [7]}, '],
)
def test_something_other_than_a_list_of_spans_does_not_affect_other_spans(
    wire: Wire, browser: Browser, junk: bytes
) -> None:
    good = json.dumps(body(_anew(GOOD[0]))["resourceSpans"][0]).encode()

    answer = browser.post(junk + good + b"]}")

    assert answer.json() == {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "unreadable: 1"}}
    assert len(wire.spans) == 1


def test_in_protobuf_too_one_event_that_cannot_be_read_costs_no_other(wire: Wire, browser: Browser) -> None:
    sent = json.loads(json.dumps(body(*map(_anew, [*GOOD, page_view("/projects")]))))
    for each in sent["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        each["traceId"], each["spanId"] = (
            base64.b64encode(bytes.fromhex(each[name])).decode() for name in ("traceId", "spanId")
        )
    encoded = ParseDict(sent, ExportTraceServiceRequest()).SerializeToString()
    assert encoded.count(b"/projects") == 1

    answer = browser.post(encoded.replace(b"/projects", b"/proj\xed\xa0\xbds"), content_type="application/x-protobuf")

    assert answer.status_code == 200
    assert len(wire.spans) == 3


def test_a_metadata_key_that_is_not_declared_is_left_out_and_counted(wire: Wire, browser: Browser) -> None:
    assert browser.post(body(page_view(metadata__title="My secret"))).json() == {}

    assert "My secret" not in repr([attributes(sent) for sent in wire.spans]) and len(wire.spans) == 1
    assert tally() == {("invalid", "browser_metadata_key"): 1, ("sent", ""): 1}


def test_keys_that_are_left_out_are_counted_of_each_event_though_two_have_the_same_ids(
    wire: Wire, browser: Browser
) -> None:
    ids = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    two_more = page_view(ids=ids, metadata__first=1, metadata__second=2)
    none_at_all = span(ids=ids, event__category="feature_usage", feature__name="project", feature__action="viewed")

    browser.post(body(two_more, none_at_all))

    assert tally() == {("invalid", "browser_metadata_key"): 2, ("sent", ""): 2}


def _anew(sent: dict[str, Any]) -> dict[str, Any]:
    """With an id of its own, and of now: what is from before consent does not go."""
    return {**sent, "spanId": token_hex(8), "startTimeUnixNano": str(time.time_ns())}


def test_junk_in_protobuf_is_a_400(wire: Wire, browser: Browser) -> None:
    assert browser.post(b"\xff" * 40, content_type="application/x-protobuf").status_code == 400


def test_a_body_without_spans_is_fine(wire: Wire, browser: Browser) -> None:
    assert browser.post({}).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 200), (64 * 1024 + 1, 413)])
def test_a_body_may_have_64_kib(wire: Wire, browser: Browser, size: int, status: int) -> None:
    assert browser.post(json.dumps(body(page_view())).encode().ljust(size)).status_code == status
    assert len(wire.spans) == (1 if status == 200 else 0)


def test_too_large_a_body_is_a_413(wire: Wire, browser: Browser) -> None:
    assert browser.post(b" " * (64 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("text/plain", {}),
        ("application/x-www-form-urlencoded", {}),
        ("application/json", {"Content-Encoding": "gzip"}),
    ],
)
def test_another_content_type_is_a_415(
    wire: Wire, browser: Browser, content_type: str, headers: dict[str, str]
) -> None:
    assert browser.post(b"{}", content_type=content_type, **headers).status_code == 415


@pytest.mark.parametrize(
    "origin", ["", "null", "https://testserver", "http://testserver.evil", "http://evil", "http://["]
)
def test_a_foreign_origin_is_a_403(wire: Wire, browser: Browser, origin: str) -> None:
    answer = browser.post(body(page_view()), Origin=origin)

    assert (answer.status_code, wire.spans) == (403, [])


@pytest.mark.parametrize("trusted", ["https://app.example", "https://*.example"])
def test_a_trusted_origin_may_send(wire: Wire, browser: Browser, settings: Settings, trusted: str) -> None:
    settings.CSRF_TRUSTED_ORIGINS = [trusted]

    assert browser.post(body(page_view()), Origin="https://app.example").status_code == 200
    assert browser.post(body(page_view()), Origin="http://app.example").status_code == 403


def test_only_post_is_taken_and_of_an_identity_only_get(browser: Browser) -> None:
    assert browser.client.get("/v1/traces").status_code == 405
    assert browser.client.post("/v1/identity").status_code == 405


def test_a_closing_page_needs_no_form_s_token(wire: Wire, browser: Browser, person: User) -> None:
    browser.client.handler.enforce_csrf_checks = True

    assert browser.post(body(page_view())).status_code == 200
    assert len(wire.spans) == 1


def test_nobody_signed_in_is_a_401(wire: Wire) -> None:
    answer = Client().post("/v1/traces", "{}", content_type="application/json", headers={"Origin": "http://testserver"})

    assert answer.status_code == 401


@pytest.mark.parametrize("endpoint", ["NEXT_PUBLIC_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_without_an_endpoint_there_is_no_browser_telemetry(browser: Browser, settings: Settings, endpoint: str) -> None:
    setattr(settings, endpoint, "")

    assert browser.post(body(page_view())).status_code == 404
    answer = browser.client.get("/v1/identity")
    assert (answer.status_code, answer.json()["reason"]) == (200, "not_set_up"), "a browser would write it down in red"


def test_a_page_of_an_earlier_session_cannot_send_as_who_is_signed_in_now(wire: Wire, browser: Browser) -> None:
    stale = browser.page
    other = User.objects.create_user("grace", password="another good password")
    choose(other.pk, enabled=True, source=Source.API, actor_id=other.pk)
    browser.client.force_login(other)

    answer = browser.post(body(page_view()), **{"X-Telemetry-Page": stale})

    assert (answer.status_code, wire.spans) == (403, [])


def test_withdrawal_is_a_403_and_nothing_goes_out(wire: Wire, browser: Browser, person: User) -> None:
    choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)

    answer = browser.post(body(page_view()))

    assert (answer.status_code, answer.json()["message"], wire.spans) == (403, "telemetry is off", [])
    assert "Retry-After" not in answer


def test_the_operator_s_lock_is_a_403(wire: Wire, browser: Browser) -> None:
    set_lock(locked=True, source=Source.ADMIN, actor_id=None)

    assert browser.post(body(page_view())).status_code == 403


def test_an_event_that_says_it_is_from_before_consent_is_withheld(wire: Wire, browser: Browser) -> None:
    answer = browser.post(body(page_view(at_ns=time.time_ns() - 60 * SECOND_NS)))

    assert (answer.status_code, wire.spans) == (200, [])
    assert tally() == {("withheld", "before_consent"): 1}


def test_an_event_a_little_ahead_of_our_clock_is_taken(wire: Wire, browser: Browser) -> None:
    assert browser.post(body(page_view(at_ns=time.time_ns() + 300 * SECOND_NS))).json() == {}
    assert len(wire.spans) == 1


def test_the_same_body_again_is_the_same_span(wire: Wire, browser: Browser) -> None:
    same = body(page_view())

    browser.post(same)
    browser.post(same)

    first, second = wire.spans
    assert (first.context, first.start_time) == (second.context, second.start_time)


def test_while_the_collector_is_away_nothing_is_acknowledged_and_later_everything_is(
    wire: Wire, browser: Browser, clock: Clock
) -> None:
    clock.still = True
    kept = body(page_view())
    wire.failing = True
    answer = browser.post(kept)
    assert (answer.status_code, answer["Retry-After"]) == (503, "6"), "five seconds, in whole ones"

    wire.failing = False
    assert browser.post(kept).status_code == 503, "it rests after a failure"
    clock.skipped += REST_AFTER_FAILURE_SECONDS

    assert browser.post(kept).status_code == 200
    assert len(wire.spans) == 2, "one in vain, one for good"


def test_a_busy_collector_is_tried_once_and_left_alone_for_as_long_as_it_asks(
    wire: Wire, browser: Browser, clock: Clock
) -> None:
    clock.still = True
    wire.answers = [again(Reason.BUSY, pause_seconds=30.0)]

    answer = browser.post(body(page_view()))

    assert (answer.status_code, answer["Retry-After"]) == (503, "31")
    assert len(wire.spans) == 1


def test_while_another_request_is_slow_a_browser_is_asked_to_retry(wire: Wire, browser: Browser) -> None:
    with forward.forwarder()._turn:
        answer = browser.post(body(page_view()))

    assert (answer.status_code, answer["Retry-After"], wire.spans) == (503, "6", [])


@pytest.mark.parametrize("error", [ValueError("http/json"), KeyError("zstd"), OSError(), RuntimeError(), MemoryError()])
@pytest.mark.parametrize("place", ["made", "used"])
def test_whatever_the_transport_raises_is_a_503_and_counted(
    browser: Browser, caplog: pytest.LogCaptureFixture, error: Exception, place: str
) -> None:
    def made() -> Wire:
        if place == "made":
            raise error
        return Wire(breaking=error)

    with forward.replaced(made):
        answer = browser.post(body(page_view(), page_view()))

    assert (answer.status_code, answer["Content-Type"]) == (503, "application/json")
    assert int(answer["Retry-After"]) > 0
    assert sum(spans for (outcome, _), spans in tally().items() if outcome == "failed") == 2
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("reader", ["relay.page.dated_consent", "exporter.consents_for"])
def test_while_consent_cannot_be_read_nothing_goes_out_and_nothing_is_acknowledged(
    wire: Wire, browser: Browser, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    monkeypatch.setattr(f"analytics.collect.{reader}", unreadable)

    answer = browser.post(body(page_view()))

    assert (answer.status_code, int(answer["Retry-After"]) > 0, wire.spans) == (503, True, [])


def test_a_thousand_events_a_second_are_braked_and_counted(wire: Wire, browser: Browser) -> None:
    answers = [browser.post(body(*(page_view("/") for _ in range(100)))) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {200, 429}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(int(answer["Retry-After"]) > 0 for answer in refused)
    assert len(wire.spans) == 100 * (10 - len(refused))
    assert tally()[("invalid", "browser_rate_limited")] == 100 * len(refused)


def test_the_relay_is_no_endpoint_anybody_measures(
    wire: Wire, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[object] = []
    monkeypatch.setattr("analytics.collect.middleware.pipeline.record", measured.append)

    browser.post(body(page_view()))
    browser.client.get("/v1/identity")

    assert measured == []


def test_a_browser_that_asks_not_to_be_tracked_is_heard_before_anything_is_sent(
    wire: Wire, browser: Browser, person: User, settings: Settings
) -> None:
    from privacy.choices import note_notice_shown
    from privacy.models import Preference

    settings.DEPLOYMENT_TYPE = "cloud"
    Preference.objects.filter(pk=person.pk).update(choice=None, consenting_since=None)
    note_notice_shown(person.pk, 1, browser_signal=False)
    assert browser.post(body(page_view())).status_code == 200

    assert browser.post(body(page_view()), **{"Sec-GPC": "1"}).status_code == 403
    assert len(wire.spans) == 1


def test_a_page_goes_out_by_the_route_that_the_project_declares_and_by_no_path(
    wire: Wire, browser: Browser, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text('[routes]\npages = ["/pricing/:id"]\n')
    settings.TELEMETRY_CATALOGUES = [str(tmp_path / "own.toml")]

    answer = browser.post(body(page_view("/pricing/:id"), page_view("/pricing/4711")))

    assert (answer.status_code, answer.json()["partialSuccess"]["errorMessage"]) == (200, "bad_metadata: 1")
    assert [attributes(sent)["metadata.route"] for sent in wire.spans] == ["/pricing/:id"]


def test_identity_of_a_first_party_page_holds_no_pseudonym(browser: Browser, person: User) -> None:
    before_ms = unix_ns(database_now()) // 1_000_000
    answer = browser.client.get("/v1/identity")

    assert before_ms <= answer.json()["now_ms"] <= unix_ns(database_now()) // 1_000_000
    assert answer["Cache-Control"].startswith("max-age=0")
    assert set(answer.json()) == {"telemetry_enabled", "now_ms", "page", "since_ms", "expires_ms"}
    since = decision_for(person.pk).since
    assert since is not None and answer.json()["since_ms"] == unix_ns(since) // 1_000_000 + 1
    assert answer.json()["telemetry_enabled"] is True


def test_identity_for_a_collector_elsewhere_has_the_organization_s_pseudonym_too(
    browser: Browser, person: User, settings: Settings
) -> None:
    settings.NEXT_PUBLIC_OTEL_ENDPOINT = "https://telemetry.example"
    person.organization = Organization.objects.create(name="Lovelace & Co")
    person.save()

    found = browser.client.get("/v1/identity").json()["identity"]

    assert found["organization.id"] == str(pseudonym(Kind.ORGANIZATION, person.organization.pk))


def test_identity_for_a_collector_elsewhere_is_pseudonyms_for_a_minute(
    browser: Browser, person: User, settings: Settings
) -> None:
    settings.NEXT_PUBLIC_OTEL_ENDPOINT = "https://telemetry.example"

    answer = browser.client.get("/v1/identity").json()

    assert answer["identity"] == {
        "user.id": str(alias_of(person)),
        "session.id": str(pseudonym(Kind.SESSION, browser.client.session.session_key or "", salt(person))),
    }
    assert answer["expires_ms"] - answer["now_ms"] == 60_000


def test_identity_for_a_collector_elsewhere_vouches_from_the_consent_on(
    browser: Browser, person: User, settings: Settings
) -> None:
    settings.NEXT_PUBLIC_OTEL_ENDPOINT = "https://telemetry.example"
    settings.TELEMETRY_VOUCHER_KEY = "a key of vouchers for tests"

    answer = browser.client.get("/v1/identity").json()

    covers = partial(Vouchers.configured().cover, answer["identity"]["telemetry.voucher"], alias_of(person).bytes)
    assert not covers(answer["since_ms"] * 1000 - 2_000), "before the consent"
    assert covers(answer["since_ms"] * 1000 + 1_000_000) and covers(answer["expires_ms"] * 1000 - 1_000_000)
    assert not covers(answer["expires_ms"] * 1000 + 1_000_000)


def test_without_consent_identity_returns_only_that(browser: Browser, person: User) -> None:
    choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)

    answers = {"off": browser.client.get("/v1/identity"), "signed_out": Client().get("/v1/identity")}

    for reason, answer in answers.items():
        assert answer.status_code == 200, "a browser would write it down in red"
        assert set(answer.json()) == {"telemetry_enabled", "reason"}
        assert (answer.json()["telemetry_enabled"], answer.json()["reason"]) == (False, reason)


def test_identity_does_not_say_no_where_consent_cannot_be_read(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.collect.relay.page.dated_consent", unreadable)

    assert browser.client.get("/v1/identity").status_code == 503


def test_a_yes_saved_by_another_process_is_heard_at_once(wire: Wire, browser: Browser, person: User) -> None:
    # As after the person's no, which this process has read, and a yes, which it was not told of.
    pipeline.hint.note([person.pk], read_at=time.monotonic())

    assert browser.client.get("/v1/identity").json()["telemetry_enabled"] is True
    assert browser.post(body(page_view())).status_code == 200
    assert len(wire.spans) == 1


@pytest.mark.parametrize(("origin", "status"), [("https://app.example", 200), ("https://elsewhere.example", 403)])
def test_a_front_end_behind_a_server_that_changes_the_host_can_switch_off_where_its_origin_is_trusted(
    person: User, settings: Settings, origin: str, status: int
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example"]
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    token = client.get("/api/users/telemetry/status").cookies["csrftoken"].value

    answer = client.put("/api/users/telemetry/disable", headers={"Origin": origin, "X-CSRFToken": token})

    assert answer.status_code == status
