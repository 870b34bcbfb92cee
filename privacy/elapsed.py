"""Elapsed time on this host, for ages, deadlines and waits: nobody sets it, and it goes on while the machine sleeps."""

import time
from functools import partial
from threading import Event

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

# Nanoseconds since some moment in the past; comparable within one boot of the machine, between its processes too.
elapsed_ns = partial(time.clock_gettime_ns, _CLOCK)


class Elapsed:
    """The same in seconds, with waiting. One seam, so that tests need not sleep through waits."""

    def now(self) -> float:
        return time.clock_gettime(_CLOCK)

    def wait(self, event: Event, seconds: float) -> bool:
        """Wait until `event` is set, `seconds` at most. Whether it is set."""
        return event.wait(seconds)


elapsed = Elapsed()
