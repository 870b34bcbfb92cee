"""What one process holds in memory: bounded maps, and state that a forked child does not inherit."""

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
    """A dict of at most `most` entries: the one that was set longest ago makes room. Reads do not count."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: Key, value: Value) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        while len(self) > self.most:
            self.popitem(last=False)


def start_anew(state: object) -> None:
    """Initialise `state` again, as its constructor does without arguments."""
    state.__init__()  # type: ignore[misc]


def anew_in_children(state: T) -> T:
    """`state`, which starts anew in a forked child: contents and locks are the parent's."""
    os.register_at_fork(after_in_child=lambda: start_anew(state))
    return state


class Stoppable(Protocol):
    def stop(self) -> None: ...


S = TypeVar("S", bound=Stoppable)


class OnePerProcess(Generic[S]):
    """One S for each process, made when it is first asked for. A forked child makes its own."""

    def __init__(self) -> None:
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        self._running: S | None = None
        self._pid = os.getpid()
        self._starting = Lock()

    def running(self) -> S | None:
        """This process's S, if it has been made."""
        # Servers that fork outside Python run no hook in the child.
        return self._running if self._pid == os.getpid() else None

    def started(self, make: Callable[[], S]) -> S:
        """This process's S, made by `make` if there is none yet."""
        with self._starting:
            running = self.running()
            if running is None:
                running, self._pid = make(), os.getpid()
                self._running = running
            return running

    def stop(self) -> None:
        """End this process's T; the next one that is asked for is another."""
        running, self._running = self.running(), None
        if running is not None:
            running.stop()

    @contextmanager
    def replaced(self, make: Callable[[], S]) -> Iterator[S]:
        """For tests: another S for as long as the block lasts."""
        self.stop()
        try:
            yield self.started(make)
        finally:
            self.stop()
