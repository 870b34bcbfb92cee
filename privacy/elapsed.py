"""Elapsed time on this host, for ages, deadlines and waits. It cannot be set, and includes time asleep."""

import time
from functools import partial
from threading import Event

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

# Nanoseconds since an arbitrary moment; comparable between processes until the machine reboots.
elapsed_ns = partial(time.clock_gettime_ns, _CLOCK)


class Elapsed:
    """Elapsed time in seconds, and waiting; tests replace it so that they need not sleep."""

    def now(self) -> float:
        return time.clock_gettime(_CLOCK)

    def wait(self, event: Event, seconds: float) -> bool:
        """Wait until `event` is set, at most `seconds`; return whether it is set."""
        return event.wait(seconds)


elapsed = Elapsed()
