"""State of one process: bounded maps, and objects that a forked child initializes again."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, Protocol, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
T = TypeVar("T")


class Bounded(OrderedDict[Key, Value]):
    """A dict of at most `most` entries, which drops the entry that was set longest ago. Reads do not count."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: Key, value: Value) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        while len(self) > self.most:
            self.popitem(last=False)


def start_anew(state: object) -> None:
    """Initialize `state` again by calling its constructor without arguments."""
    state.__init__()  # type: ignore[misc]


def anew_in_children(state: T) -> T:
    """`state`, initialized again in forked children, because its content and locks belong to the parent."""
    os.register_at_fork(after_in_child=lambda: start_anew(state))
    return state


class Stoppable(Protocol):
    def stop(self) -> None: ...


S = TypeVar("S", bound=Stoppable)


class OnePerProcess(Generic[S]):
    """One S for each process, created on first use. A forked child creates its own."""

    def __init__(self) -> None:
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        self._running: S | None = None
        self._pid = os.getpid()
        self._starting = Lock()

    def running(self) -> S | None:
        """This process's S, if it exists."""
        # Servers that fork outside Python run no hook in the child.
        return self._running if self._pid == os.getpid() else None

    def started(self, make: Callable[[], S]) -> S:
        """This process's S, created by `make` if missing."""
        with self._starting:
            running = self.running()
            if running is None:
                running, self._pid = make(), os.getpid()
                self._running = running
            return running

    def stop(self) -> None:
        """Stop this process's S; the next call of `started` creates another."""
        running, self._running = self.running(), None
        if running is not None:
            running.stop()

    @contextmanager
    def replaced(self, make: Callable[[], S]) -> Iterator[S]:
        """For tests: another S within the block."""
        self.stop()
        try:
            yield self.started(make)
        finally:
            self.stop()
