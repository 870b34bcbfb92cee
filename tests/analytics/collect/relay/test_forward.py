"""Whose turn it is to send for the browsers, and who need not try."""

from typing import Any

import pytest

from analytics.collect.relay import forward
from tests.support.clock import Clock
from tests.support.wire import Wire


def test_who_waited_behind_a_failure_does_not_fail_as_slowly(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    forwarder = forward.forwarder()
    released: list[str] = []

    class Turn:
        def acquire(self, **_: Any) -> bool:
            forwarder._rests_until = float("inf")  # whoever had it before has failed
            return True

        def release(self) -> None:
            released.append("the turn")

    monkeypatch.setattr(forwarder, "_turn", Turn())

    assert not forwarder.send([])
    assert released == ["the turn"]


def test_after_a_success_nobody_rests_and_after_a_failure_everybody_does(wire: Wire, clock: Clock) -> None:
    clock.still = True
    forwarder = forward.forwarder()
    assert forwarder.send([]) and forwarder.rest_seconds() == 0
    forwarder._exporter.sender.end_by(clock.now())
    assert not forwarder.send([]) and forwarder.rest_seconds() == 5
