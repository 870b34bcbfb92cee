"""A request to delete on its way: what it carries, when it counts as taken, and what keeps it here."""

from datetime import UTC, datetime

import pytest
from django.test import override_settings

from analytics.erasure import elsewhere
from analytics.erasure.elsewhere import send_erasure_request
from privacy.switches import Switches, current_switches
from tests.support.clock import Clock
from tests.support.collectors import Behaviour, Taken, answers, http_collector, partial_success

SECRETS = [bytes(range(32)), bytes(32)]
ASKED_AT = datetime(2026, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC)
ASKED_AT_NS = 1_772_600_767_890_123_000


def sent(*behaviours: Behaviour, number: int = 1, **settings: str) -> tuple[bool, Taken]:
    """Whether it was acknowledged, and what reached the collector."""
    with http_collector(*behaviours) as taken:
        here = {"OTEL_EXPORTER_OTLP_ENDPOINT": taken.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", **settings}
        with override_settings(**here):
            return send_erasure_request(SECRETS[:number], ASKED_AT), taken


def test_it_carries_the_pseudonym_what_opens_it_and_the_moment_and_nothing_else() -> None:
    acknowledged, taken = sent(answers())
    assert acknowledged
    [request] = taken.requests()
    [span] = request.resource_spans[0].scope_spans[0].spans
    assert span.start_time_unix_nano == span.end_time_unix_nano == ASKED_AT_NS
    assert {each.key: each.value.string_value for each in span.attributes} == {
        "event.category": "user_activity",
        "event.type": "erasure_requested",
        "user.id": "630dcd29-66c4-8366-9112-5448bbb25b4f",
        "erasure.secret": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    }


def test_the_pseudonyms_of_several_keys_travel_together() -> None:
    acknowledged, taken = sent(answers(), number=2)
    assert acknowledged
    [request] = taken.requests()
    spans = request.resource_spans[0].scope_spans[0].spans
    assert [each.attributes[3].value.string_value for each in spans] == [secret.hex() for secret in SECRETS]
    assert len({each.span_id for each in spans}) == 2


def test_a_collector_that_rejects_it_has_not_acknowledged_it() -> None:
    acknowledged, taken = sent(answers(body=partial_success(1)))
    assert not acknowledged and len(taken.bodies) == 1


def test_a_collector_that_refuses_it_has_not_acknowledged_it() -> None:
    acknowledged, taken = sent(answers(status=400))
    assert not acknowledged and len(taken.bodies) == 1


def test_a_collector_that_is_busy_is_asked_again(clock: Clock) -> None:
    acknowledged, taken = sent(answers(status=503), answers())
    assert acknowledged and len(taken.bodies) == 2


@pytest.mark.parametrize("switch", ["DO_NOT_TRACK", "OTEL_SDK_DISABLED"])
def test_where_the_operator_has_switched_telemetry_off_it_stays_here(switch: str) -> None:
    acknowledged, taken = sent(answers(), **{switch: "true"})
    assert not acknowledged and taken.heads == []


def test_where_the_operator_switches_telemetry_off_while_connecting_it_stays_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[Switches] = []

    def switched_off_after_the_first_look() -> Switches:
        found.append(current_switches())
        with override_settings(DO_NOT_TRACK="true"):
            return found[0] if len(found) == 1 else current_switches()

    monkeypatch.setattr(elsewhere, "current_switches", switched_off_after_the_first_look)
    acknowledged, taken = sent(answers())
    assert len(found) == 2
    assert not acknowledged and taken.bodies == []
