"""How much one person's browsers may send, by a clock that the test sets."""

from uuid import UUID

import pytest

from analytics.collect.relay import allowance as module
from analytics.collect.relay.allowance import Allowance

ANN, BEN, CY = (UUID(int=number) for number in (1, 2, 3))


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_three_hundred_spans_may_come_at_once_and_ten_a_second_afterwards(clock: Clock) -> None:
    allowance = Allowance()
    assert allowance.take(ANN, 298) == 0.0  # a request counts as two
    assert allowance.take(ANN, 8) == 1.0
    assert allowance.take(ANN, 3) == 0.5
    clock.now += 0.9375  # a number that binary fractions are exact of
    assert allowance.take(ANN, 8) == 0.0625
    clock.now += 0.0625
    assert allowance.take(ANN, 8) == 0.0
    assert allowance.take(ANN, 0) == 0.2, "an empty request is not free"


def test_what_was_refused_is_not_counted(clock: Clock) -> None:
    allowance = Allowance()
    allowance.take(ANN, 290)
    for _ in range(100):
        assert allowance.take(ANN, 10) == 0.4
    assert allowance.take(ANN, 6) == 0.0


def test_an_idle_hour_saves_up_no_more_than_was_there_at_first(clock: Clock) -> None:
    allowance = Allowance()
    allowance.take(ANN, 100)
    clock.now += 3600
    assert allowance.take(ANN, 298) == 0.0
    assert allowance.take(ANN, 8) == 1.0


def test_a_request_larger_than_all_that_may_come_at_once_is_taken_and_paid_off_afterwards(clock: Clock) -> None:
    allowance = Allowance()
    assert allowance.take(ANN, 498) == 0.0
    assert allowance.take(ANN, 0) == 20.2  # 200 owed, and the request itself
    assert allowance.take(ANN, 498) == 50.0, "only when the bucket is full"
    clock.now += 50
    assert allowance.take(ANN, 498) == 0.0


def test_people_do_not_share(clock: Clock) -> None:
    allowance = Allowance()
    allowance.take(ANN, 298)
    assert allowance.take(BEN, 298) == 0.0
    assert allowance.take(CY, 1) == 0.0


def test_who_has_sent_nothing_for_longest_makes_room(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_PEOPLE", 2)
    allowance = Allowance()
    for who in (ANN, BEN, ANN, CY):
        allowance.take(who, 148)
    assert list(allowance._buckets) == [ANN, CY]
    assert allowance.take(BEN, 298) == 0.0
