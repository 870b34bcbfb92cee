"""Who finds out whose spans are rejected: names from a bounded set, in the tally and in the log."""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import date

import grpc
import pytest

from analytics.ingest.rejections import INTERVAL_SECONDS, MOST_NAMES, OTHER, Rejections, Senders, senders
from analytics.ingest.rejections import rejections as everything
from analytics.ingest.verdict import Fate
from analytics.models import IngestTally
from tests.analytics.ingest.conftest import Client
from tests.analytics.ingest.spans import REQUEST, TEST_RUN, of, span


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Senders:
    own = Senders()
    monkeypatch.setattr(senders, "_names", own._names)
    return own


@pytest.mark.parametrize("name", ["petclinic", "checkout-service", "unknown_service:node", "billing_api-v2", "Orders"])
def test_a_service_is_known_by_its_name(name: str) -> None:
    assert Senders().name({"service.name": name}) == name


NO_NAMES = [
    *("jane@example.org", "10.0.0.7", "db.internal.example", "4711", "a" * 65, "x y", "", 7, True, None, b""),
    *("ünï", "0b3d4c4e-5d68-4a2a-9f1e-1d1c6d9f0a11", "eyJhbGciOiJIUzI1NiJ9"),
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_may_be_something_else_is_other(name: str) -> None:
    assert Senders().name({"service.name": name}) == OTHER
    assert Senders().name({}) == OTHER


def test_there_are_no_more_names_than_so_many_a_day() -> None:
    named = Senders()
    words = [f"{first}-{second}" for first in ("red", "blue", "green") for second in "abcdefghijklmnopqrst"]
    first, second = date(2026, 5, 1), date(2026, 5, 2)

    found = [named.name({"service.name": word}, first) for word in words]

    assert found == words[:MOST_NAMES] + [OTHER] * (len(words) - MOST_NAMES)
    assert named.name({"service.name": words[0]}, first) == words[0]
    assert named.name({"service.name": words[-1]}, second) == words[-1]


def test_rejections_are_counted_by_reason_and_sender(client: Client, fresh: Senders) -> None:
    bad = {**TEST_RUN, "user.id": "jane@example.org"}
    both = of(span(bad), span(bad), span(), resource={"service.name": "petclinic"})
    both.MergeFrom(of(span({**REQUEST, "http.route": "/users/4711"}), resource={"service.name": "jane@example.org"}))

    answer = client.send(both.SerializeToString())

    assert answer.partial_success.error_message == "bad_user: 2"
    counted = IngestTally.objects.values_list("outcome", "reason", "sender", "spans")
    assert set(counted) == {
        ("stored", "", "", 2),
        ("rejected", "bad_user", "petclinic", 2),
        ("part", "route_text", "other", 1),
    }


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "analytics.ingest.rejections"]


def test_the_log_has_a_line_for_each_reason_and_sender_at_most_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    rejections = Rejections()
    key = Fate("rejected", "bad_user", "petclinic")
    with caplog.at_level(logging.INFO):
        rejections.count(Counter({key: 2, Fate("part", "route_text", "other"): 1, Fate("stored"): 5}))
        rejections.log(now=100.0)
        rejections.count(Counter({key: 3}))
        rejections.log(now=99.9 + INTERVAL_SECONDS)
        first = logged(caplog)
        rejections.count(Counter({key: 4, Fate("rejected", "erased"): 1}))
        rejections.log(now=100.0 + INTERVAL_SECONDS)
        rejections.log(now=900.0)

    assert first == [
        "Stored without: part=route_text sender=other spans=1",
        "Rejected: reason=bad_user sender=petclinic spans=2",
    ]
    assert logged(caplog)[2:] == [
        "Rejected: reason=bad_user sender=petclinic spans=7",
        "Rejected: reason=erased sender=- spans=1",
    ]


def test_what_was_not_logged_yet_is_logged_at_the_end(
    start: Callable[..., object], clients: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    everything.log(ending=True)
    processor = start()
    with caplog.at_level(logging.INFO):
        clients(processor.port).export(span({}), span({}))  # type: ignore[attr-defined]
        processor.stop()  # type: ignore[attr-defined]

    assert logged(caplog) == ["Rejected: reason=not_telemetry sender=rhesis-backend spans=2"]


def test_what_is_not_committed_is_not_counted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that is told to come again would be counted twice."""
    from analytics.ingest import pool

    own = Rejections()
    monkeypatch.setattr(pool, "rejections", own)
    monkeypatch.setattr(pool.Writer, "write", lambda *_: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(grpc.RpcError):
        client.export(span({}))

    assert not own._counts
