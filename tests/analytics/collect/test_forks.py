"""A worker forked from a process that already records, as servers with a preloaded application have them."""

import os
from collections.abc import Callable
from uuid import UUID

import pytest

from analytics.collect import pipeline
from analytics.collect.relay import forward
from analytics.collect.relay.allowance import allowance
from analytics.collect.tally import Outcome
from tests.support.wire import Wire, wired

SOMEBODY = UUID(int=0xBEEF)


def no_in_a_child(questions: dict[str, Callable[[], bool]]) -> list[str]:
    """Those of the questions that are answered with no, or with an error, in a child forked now."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for question in questions.values():
                try:
                    answer = question()
                except BaseException:  # noqa: BLE001  the child must not go on as a test run of its own
                    answer = False
                os.write(writing, b"y" if answer else b"n")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        said = answers.read()
    os.waitpid(child, 0)
    return [question for question, answer in zip(questions, said, strict=True) if answer != ord("y")]


@pytest.mark.django_db
def test_a_forked_worker_has_everything_of_its_own_and_no_lock_of_its_parents() -> None:
    with wired() as (wire, of_parent), forward.replaced(Wire) as forwarder_of_parent:
        pipeline.hint.note([SOMEBODY], read_at=float("inf"))
        pipeline.tally.add(Outcome.INVALID, "counted_by_the_parent")
        starting = (pipeline._of_process, forward._of_process)
        locks = [*(each._starting for each in starting), pipeline.hint._lock, pipeline.tally._lock, allowance._lock]
        for lock in locks:
            lock.acquire()
        try:
            # Asked first: where a lock is still held, the second child would wait for ever.
            assert (
                no_in_a_child(
                    {
                        "remembers nobody": lambda: not pipeline.hint.refuses(SOMEBODY),
                        "counts anew": lambda: not pipeline.tally._waiting,
                        "starts pipelines": lambda: starting[0]._starting.acquire(blocking=False),
                        "starts forwarders": lambda: starting[1]._starting.acquire(blocking=False),
                        "may remember": lambda: pipeline.hint._lock.acquire(blocking=False),
                        "may count": lambda: pipeline.tally._lock.acquire(blocking=False),
                        "may allow": lambda: allowance._lock.acquire(blocking=False),
                    }
                )
                == []
            )
            assert (
                no_in_a_child(
                    {
                        "has a pipeline": lambda: pipeline.pipeline() not in {None, of_parent},
                        "and keeps it": lambda: pipeline.pipeline() is pipeline.pipeline(),
                        "has a forwarder": lambda: forward.forwarder() is not forwarder_of_parent,
                        "keeps that": lambda: forward.forwarder() is forward.forwarder(),
                    }
                )
                == []
            )
        finally:
            for lock in locks:
                lock.release()
        assert pipeline.pipeline() is of_parent and forward.forwarder() is forwarder_of_parent
        assert pipeline.hint.refuses(SOMEBODY) and pipeline.tally._waiting
    assert wire.spans == []


@pytest.mark.django_db
def test_a_forked_worker_that_ends_leaves_what_its_parent_has_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[int] = []
    with wired(), forward.replaced(Wire):
        monkeypatch.setattr(pipeline.Pipeline, "stop", lambda self: stopped.append(1))
        monkeypatch.setattr(forward.Forwarder, "stop", lambda self: stopped.append(2))
        assert (
            no_in_a_child(
                {
                    "of the parent": lambda: (pipeline.stop(), forward.stop(), stopped)[-1] == [],
                    "of its own": lambda: (
                        (pipeline.pipeline(), forward.forwarder(), pipeline.stop(), forward.stop(), stopped)[-1]
                        == [1, 2]
                    ),
                }
            )
            == []
        )
        monkeypatch.undo()
