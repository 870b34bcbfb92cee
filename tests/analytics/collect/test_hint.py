"""The hint by itself: what it remembers, for how long, and what makes it forget."""

from uuid import UUID

import pytest

from analytics.collect import hint as module
from analytics.collect.hint import LIFETIME_SECONDS, Hint
from privacy.process import start_anew

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


def test_nobody_is_refused_before_the_exporter_has_read_anything() -> None:
    assert not Hint().refuses(ANN)


def test_a_refusal_ends_after_five_seconds(clock: Clock) -> None:
    hint = Hint()
    hint.note([ANN], read_at=clock.now)

    assert LIFETIME_SECONDS == 5.0  # the promise: a choice made in another process takes effect within seconds
    clock.now += 4.999
    assert hint.refuses(ANN)
    clock.now += 0.001
    assert not hint.refuses(ANN)


def test_a_refusal_read_again_lasts_five_seconds_more(clock: Clock) -> None:
    hint = Hint()
    hint.note([ANN], read_at=clock.now)
    clock.now += 4
    hint.note([ANN], read_at=clock.now)

    clock.now += 4
    assert hint.refuses(ANN)


def test_a_choice_forgets_the_person_and_nobody_else(clock: Clock) -> None:
    hint = Hint()
    hint.note([ANN, BEN], read_at=clock.now)

    hint.forget(ANN)

    assert not hint.refuses(ANN)
    assert hint.refuses(BEN)


def test_an_unlock_forgets_everyone(clock: Clock) -> None:
    hint = Hint()
    hint.note([ANN, BEN], read_at=clock.now)

    hint.forget(None)

    assert not hint.refuses(ANN)
    assert not hint.refuses(BEN)


@pytest.mark.parametrize("chosen_after_s", [0.0, 0.1])
def test_a_refusal_read_before_a_choice_is_not_noted(clock: Clock, chosen_after_s: float) -> None:
    hint, read_at = Hint(), clock.now
    clock.now += chosen_after_s
    hint.forget(ANN)

    hint.note([ANN], read_at=read_at)

    assert not hint.refuses(ANN)


def test_a_refusal_read_after_a_choice_is_noted(clock: Clock) -> None:
    hint = Hint()
    hint.forget(ANN)
    clock.now += 0.1

    hint.note([ANN], read_at=clock.now)

    assert hint.refuses(ANN)


def test_a_machine_that_has_just_started_notes_refusals_too(clock: Clock) -> None:
    """Its monotonic clock is near zero."""
    clock.now = 0.5
    hint = Hint()

    hint.note([ANN], read_at=clock.now)

    assert hint.refuses(ANN)


def test_the_oldest_refusals_make_room(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_PEOPLE", 2)
    hint = Hint()
    hint.note([ANN, BEN], read_at=clock.now)
    hint.note([ANN], read_at=clock.now)  # now Ben's is the oldest

    assert hint.refuses(ANN)
    assert hint.refuses(BEN)
    hint.note([CY], read_at=clock.now)

    assert hint.refuses(ANN)
    assert not hint.refuses(BEN)
    assert hint.refuses(CY)


def test_a_child_just_forked_starts_with_an_empty_hint_and_a_free_lock(clock: Clock) -> None:
    hint = Hint()
    hint.note([ANN], read_at=clock.now)
    hint._lock.acquire()

    start_anew(hint)
    hint.note([BEN], read_at=clock.now)

    assert not hint.refuses(ANN)
    assert hint.refuses(BEN)
