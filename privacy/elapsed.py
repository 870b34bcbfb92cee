"""Elapsed time on this host, for deadlines and waits. One seam, so that tests move time by hand.

CLOCK_BOOTTIME where there is one: it goes on while the machine is suspended, and nobody can set it.
"""

import time
from threading import Event

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Elapsed:
    """Seconds since some moment in the past, as a float; comparable within one boot of the machine."""

    def now(self) -> float:
        return time.clock_gettime(_CLOCK)

    def wait(self, event: Event, seconds: float) -> bool:
        """Wait until `event` is set, `seconds` at most. Whether it is set."""
        return event.wait(seconds)


elapsed = Elapsed()
