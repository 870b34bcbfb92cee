"""Attempts, waits and deadlines: the one machine behind the exporter, the relay and requests to delete."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import OperationalError
from opentelemetry.sdk.trace import ReadableSpan
from psycopg.errors import InvalidCatalogName

from analytics.collect import attempts as attempts_module
from analytics.collect.attempts import CONSENT_UNREADABLE, ConsentUnreadable, Permitted, Sender
from analytics.collect.records import new_context
from analytics.collect.transport.answers import Answer, Fate, Reason, again, refused
from privacy.sending import NoLongerHeld
from tests.support.clock import Clock
from tests.support.wire import Wire

TAKEN = Answer(Fate.TAKEN)
SPAN = ReadableSpan("one", context=new_context(), start_time=1, end_time=1)


@dataclass
class Batch:
    """Asked `asked` times before a connection and `permitted_times` times for good; `gone` once nothing is left."""

    asked: int = 0
    permitted_times: int = 0
    gone: bool = False
    failing: list[Exception] = field(default_factory=list)

    def anything_left(self) -> bool:
        self.asked += 1
        if self.failing:
            raise self.failing.pop(0)
        return not self.gone

    @contextmanager
    def permitted(self) -> Iterator[Permitted]:
        self.permitted_times += 1
        yield Permitted([] if self.gone else [SPAN], lambda: float("inf"))


def sent(wire: Wire, batch: Batch, **options: Any) -> Answer | None:
    return Sender(lambda: wire).send(batch, **options)


def test_one_attempt_is_enough_where_it_succeeds(clock: Clock) -> None:
    wire, batch = Wire(), Batch()
    assert sent(wire, batch) == TAKEN
    assert (len(wire.spans), batch.asked, batch.permitted_times, clock.waits) == (1, 1, 1, [])


def test_each_attempt_asks_the_gate_anew(clock: Clock) -> None:
    wire, batch = Wire(answers=[again(Reason.BUSY), again(Reason.UNREACHABLE)]), Batch()
    assert sent(wire, batch) == TAKEN
    assert (len(wire.spans), batch.asked, batch.permitted_times) == (3, 3, 3)


def test_waits_double_and_stay_within_the_time(clock: Clock) -> None:
    wire = Wire(answers=[again(Reason.BUSY)] * 100)
    began = clock.now()
    assert sent(wire, Batch(), seconds=5.0) == again(Reason.BUSY)
    assert 3 <= len(wire.spans) <= 5
    for number, wait in enumerate(clock.waits):
        assert 0.25 * 2**number <= wait <= 0.75 * 2**number
    assert clock.skipped < 5.0 and clock.now() >= began + clock.skipped


def test_what_is_refused_for_good_is_not_tried_again(clock: Clock) -> None:
    wire = Wire(answers=[refused(Reason.REFUSED)])
    assert sent(wire, Batch()) == refused(Reason.REFUSED)
    assert len(wire.spans) == 1 and clock.waits == []


def test_the_collector_s_wish_for_a_pause_is_granted(clock: Clock) -> None:
    wire = Wire(answers=[again(Reason.BUSY, pause_seconds=3.0)])
    assert sent(wire, Batch()) == TAKEN
    assert clock.skipped >= 2.9


def test_a_pause_longer_than_the_time_is_not_waited_for_and_holds_for_the_next_batch(clock: Clock) -> None:
    wire = Wire(answers=[again(Reason.BUSY, pause_seconds=60.0)])
    sender = Sender(lambda: wire)
    assert sender.send(Batch()) == again(Reason.BUSY, pause_seconds=60.0)
    assert 55 < sender.pause_seconds() <= 60
    assert sender.send(Batch()) == again(Reason.BUSY)
    assert len(wire.spans) == 1, "it was left alone"
    clock.skipped += 60
    assert sender.send(Batch()) == TAKEN


def test_what_is_withdrawn_while_waiting_is_not_sent_again(clock: Clock) -> None:
    wire, batch = Wire(answers=[again(Reason.BUSY)]), Batch()
    clock.meanwhile = lambda: setattr(batch, "gone", True)
    assert sent(wire, batch) is None
    assert len(wire.spans) == 1


def test_where_nothing_is_left_no_transport_is_even_made(clock: Clock) -> None:
    def made() -> Wire:
        raise AssertionError("nothing may go")

    assert Sender(made).send(Batch(gone=True)) is None


@pytest.mark.parametrize("error", [ConsentUnreadable(), OperationalError()])
def test_a_gate_that_cannot_be_asked_is_asked_again(clock: Clock, error: Exception) -> None:
    wire = Wire()
    assert sent(wire, Batch(failing=[error])) == TAKEN
    assert sent(wire, Batch(failing=[error] * 100)) == again(CONSENT_UNREADABLE)
    assert len(wire.spans) == 1


def test_why_consent_could_not_be_read_is_logged(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with_cause = ConsentUnreadable()
    with_cause.__cause__ = InvalidCatalogName("secret")
    sent(Wire(), Batch(failing=[with_cause]), attempts=1)
    assert "there is no such database (SQLSTATE 3D000)" in caplog.text
    sent(Wire(), Batch(failing=[OperationalError("secret")]), attempts=1)
    assert "(OperationalError)" in caplog.text and "secret" not in caplog.text


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (NoLongerHeld(), again(Reason.TIMEOUT)),
        (ConnectionRefusedError(), again(Reason.UNREACHABLE)),
        (TimeoutError(), again(Reason.TIMEOUT)),
        (ValueError("a header that is none"), refused(Reason.BROKEN)),
        (KeyError("secret"), refused(Reason.BROKEN)),
    ],
)
def test_whatever_the_transport_raises_is_an_answer(
    clock: Clock, caplog: pytest.LogCaptureFixture, error: Exception, answer: Answer
) -> None:
    assert sent(Wire(breaking=error), Batch(), attempts=1) == answer
    assert "secret" not in caplog.text and "header" not in caplog.text


@pytest.mark.parametrize("error", [ValueError("secret"), FileNotFoundError("secret")])
def test_a_transport_that_cannot_be_made_is_no_reason_to_try_again(
    clock: Clock, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def made() -> Wire:
        raise error

    assert Sender(made).send(Batch()) == refused(Reason.BROKEN)
    assert clock.waits == [] and "secret" not in caplog.text
    assert f"cannot be sent with these settings: {type(error).__name__}" in caplog.text


def test_at_the_end_of_the_process_nobody_waits_and_soon_nobody_begins(clock: Clock) -> None:
    wire = Wire(answers=[again(Reason.BUSY)] * 3)
    sender = Sender(lambda: wire)
    sender.end_by(clock.now() + 2.5)
    assert sender.send(Batch()) == again(Reason.BUSY)
    assert (len(wire.spans), clock.waits, sender.over()) == (1, [], False)
    clock.skipped += 2.5
    assert sender.over() and sender.send(Batch()) == again(Reason.BUSY)
    assert len(wire.spans) == 1


def test_waits_of_many_processes_are_spread_over_half_a_second() -> None:
    """A quarter to three quarters of a second, and each further one twice as long."""
    for attempts, scale in ((1, 1), (2, 2), (3, 4)):
        waits = [attempts_module._backoff(attempts) / scale for _ in range(300)]
        assert 0.25 <= min(waits) < 0.35 and 0.65 < max(waits) <= 0.75


def test_no_attempt_begins_at_the_deadline_nor_at_the_end_of_the_process(clock: Clock) -> None:
    clock.still = True
    wire = Wire()
    assert sent(wire, Batch(), seconds=0) == again(Reason.BUSY)
    sender = Sender(lambda: wire)
    sender.end_by(clock.now())
    assert sender.over() and sender.send(Batch()) == again(Reason.BUSY)
    assert wire.spans == []


def test_a_pause_that_takes_all_of_the_time_is_not_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.still = True
    monkeypatch.setattr(attempts_module, "_backoff", lambda attempts: 0.0)
    wire = Wire(answers=[again(Reason.BUSY, pause_seconds=5.0)])
    assert sent(wire, Batch(), seconds=5.0) == again(Reason.BUSY, pause_seconds=5.0)
    assert (len(wire.spans), clock.waits) == (1, [0.0])


@pytest.mark.parametrize("attempts", [1, 2])
def test_there_are_no_more_attempts_than_are_allowed(clock: Clock, attempts: int) -> None:
    wire = Wire(answers=[again(Reason.BUSY)] * 5)
    assert sent(wire, Batch(), attempts=attempts) == again(Reason.BUSY)
    assert (len(wire.spans), len(clock.waits)) == (attempts, attempts - 1)


def test_aborting_ends_the_attempt_under_way_and_all_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, aborted = Wire(), list[str]()
    monkeypatch.setattr(wire, "abort", lambda: aborted.append("the connection"))
    sender = Sender(lambda: wire)
    sender.send(Batch())
    sender.abort()
    assert aborted == ["the connection"]
    assert sender.over() and sender.send(Batch()) == again(Reason.BUSY)
    assert len(wire.spans) == 1


def test_where_there_is_no_connection_yet_there_is_nothing_to_abort() -> None:
    sender = Sender(Wire)
    sender.abort()
    assert sender.over()
