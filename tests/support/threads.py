"""Threads of the product that nobody waits for, but the next test must not meet."""

import threading

LONGEST_SECONDS = 60


def ended(name: str) -> None:
    """Wait until no thread of this name is left."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(LONGEST_SECONDS)
            assert not thread.is_alive(), name
