"""What a process holds in memory: bounded, and none of it a forked child's."""

import os
from threading import Barrier, Thread

import pytest

from privacy.process import Bounded, OnePerProcess, anew_in_children
from tests.support.children import in_a_child


def test_the_entry_set_longest_ago_makes_room() -> None:
    found: Bounded[str, int] = Bounded(2)
    found["a"], found["b"] = 1, 2
    found["a"] = 3
    found["c"] = 4
    assert list(found.items()) == [("a", 3), ("c", 4)]


def test_reading_an_entry_does_not_keep_it() -> None:
    found: Bounded[str, int] = Bounded(2)
    found["a"], found["b"] = 1, 2
    assert found["a"] == found.get("a") == 1
    found["c"] = 3
    assert "a" not in found


class Counted:
    def __init__(self) -> None:
        self.count = 0


def test_a_child_starts_anew_and_its_parent_goes_on() -> None:
    counted = anew_in_children(Counted())
    counted.count = 7
    assert in_a_child(lambda: counted.count == 0)
    assert counted.count == 7


class Running:
    def __init__(self) -> None:
        self.stopped = 0

    def stop(self) -> None:
        self.stopped += 1


def test_there_is_one_however_many_threads_ask_at_once() -> None:
    one: OnePerProcess[Running] = OnePerProcess()
    barrier, found = Barrier(8), list[Running]()

    def ask() -> None:
        barrier.wait()
        found.append(one.started(Running))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(map(id, found))) == 1


def test_a_child_makes_its_own_and_leaves_its_parents_alone() -> None:
    one: OnePerProcess[Running] = OnePerProcess()
    of_parent = one.started(Running)
    assert in_a_child(lambda: one.running() is None)
    assert in_a_child(lambda: one.started(Running) is not of_parent)
    assert in_a_child(lambda: (one.stop(), of_parent.stopped)[-1] == 0)
    assert one.running() is of_parent


def test_a_child_that_ran_no_hook_does_not_use_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    one: OnePerProcess[Running] = OnePerProcess()
    of_parent = one.started(Running)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert one.running() is None
    one.stop()
    assert of_parent.stopped == 0
    assert one.started(Running) is not of_parent


def test_stopping_ends_it_once_and_the_next_is_another() -> None:
    one: OnePerProcess[Running] = OnePerProcess()
    first = one.started(Running)
    one.stop()
    one.stop()
    assert first.stopped == 1 and one.started(Running) is not first


def test_a_replacement_lasts_as_long_as_its_block() -> None:
    one: OnePerProcess[Running] = OnePerProcess()
    before = one.started(Running)
    with pytest.raises(ValueError, match="inside"), one.replaced(Running) as other:
        assert one.running() is other and before.stopped == 1
        raise ValueError("inside")
    assert one.running() is None and other.stopped == 1
