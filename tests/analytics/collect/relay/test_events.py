"""One browser's event by itself: which ids, times and numbers of attributes are taken, each bound to the last unit."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from django.test import override_settings

from analytics.collect.records import RecordedSpan, Subject
from analytics.collect.relay.bodies import BrowserSpan, Value
from analytics.collect.relay.events import Rejected, Rejection, recorded
from analytics.events import FeatureUse

SECOND_NS = 1_000_000_000
CAME_IN_NS = 1_780_000_000 * SECOND_NS
ELAPSED_NS = 5_000 * SECOND_NS
TRACE_ID, SPAN_ID = bytes(range(16)), bytes(range(8))
FEATURE: dict[str, Value] = {
    "event.category": "feature_usage",
    "feature.name": "page_view",
    "feature.action": "viewed",
    "metadata.route": "/tests/:id",
}


def taken(
    *, trace_id: bytes = TRACE_ID, span_id: bytes = SPAN_ID, later_ns: int = 0, attributes: int = len(FEATURE)
) -> RecordedSpan:
    """`later_ns`: how much later than its request the event says it was. `attributes`: how many it has."""
    more: dict[str, Value] = {f"other.{number}": 1 for number in range(attributes - len(FEATURE))}
    span = BrowserSpan(trace_id, span_id, CAME_IN_NS + later_ns, {**FEATURE, **more})
    return recorded(span, Subject(UUID(int=7), None, CAME_IN_NS, ELAPSED_NS), "session")


@pytest.mark.parametrize(
    ("given", "rejection"),
    [
        ({"trace_id": TRACE_ID[:15]}, Rejection.BAD_IDS),
        ({"trace_id": TRACE_ID + b"1"}, Rejection.BAD_IDS),
        ({"span_id": SPAN_ID[:7]}, Rejection.BAD_IDS),
        ({"span_id": SPAN_ID + b"1"}, Rejection.BAD_IDS),
        ({"trace_id": bytes(16)}, Rejection.BAD_IDS),
        ({"span_id": bytes(8)}, Rejection.BAD_IDS),
        ({"later_ns": 600 * SECOND_NS + 1}, Rejection.BAD_TIME),
        ({"later_ns": -86_400 * SECOND_NS - 1}, Rejection.BAD_TIME),
        ({"attributes": 65}, Rejection.TOO_LARGE),
    ],
    ids=str,
)
def test_what_is_past_a_bound_is_rejected_by_name(given: dict[str, bytes | int], rejection: Rejection) -> None:
    with pytest.raises(Rejected) as rejected:
        taken(**given)  # type: ignore[arg-type]

    assert rejected.value.rejection is rejection


@pytest.mark.parametrize(
    "given", [{"later_ns": 600 * SECOND_NS}, {"later_ns": -86_400 * SECOND_NS}, {"attributes": 64}], ids=str
)
def test_what_is_at_a_bound_is_taken(given: dict[str, int]) -> None:
    assert taken(**given).event == FeatureUse("page_view", "viewed")


@pytest.mark.parametrize("later_s", [0, 1, 600])
def test_an_event_is_no_younger_than_its_request(later_s: int) -> None:
    subject = taken(later_ns=later_s * SECOND_NS).subject

    assert (subject.began_ns, subject.began_elapsed_ns) == (CAME_IN_NS, ELAPSED_NS)


def test_an_event_is_as_old_as_it_says_by_both_clocks() -> None:
    subject = taken(later_ns=-30 * SECOND_NS).subject

    assert CAME_IN_NS - subject.began_ns == ELAPSED_NS - subject.began_elapsed_ns == 30 * SECOND_NS


def test_an_expired_event_is_recorded_for_the_gate_to_withhold(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        '[feature_usage.old]\ndescription = "d"\npurpose = "p"\nowner = "o@example.org"\n'
        f'expires = {datetime.now(UTC).date()}\nactions = ["used"]\nbrowser = true\n'
    )
    attributes: dict[str, Value] = {"event.category": "feature_usage", "feature.name": "old", "feature.action": "used"}
    with override_settings(TELEMETRY_CATALOGUES=[str(path)]):
        span = BrowserSpan(TRACE_ID, SPAN_ID, CAME_IN_NS, attributes)
        taken = recorded(span, Subject(UUID(int=7), None, CAME_IN_NS, ELAPSED_NS), "session")
    assert taken.event == FeatureUse("old", "used")
