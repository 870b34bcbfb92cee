"""Elapsed time in a test's hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from privacy.elapsed import Elapsed


@dataclass
class Clock(Elapsed):
    """The host's, `skipped` seconds ahead. Waits end at once and skip as much; `waits` are the waits there were.

    `meanwhile` is done once, in the middle of the next wait. With `still`, only waits make it go on.
    """

    skipped: float = 0.0
    waits: list[float] = field(default_factory=list)
    still: bool = False
    meanwhile: Callable[[], object] | None = None

    def now(self) -> float:
        return (0.0 if self.still else super().now()) + self.skipped

    def wait(self, event: Event, seconds: float) -> bool:
        if not event.is_set():
            self.waits.append(seconds)
            self.skipped += seconds
            todo, self.meanwhile = self.meanwhile, None
            if todo is not None:
                todo()
        return event.is_set()
