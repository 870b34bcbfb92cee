"""Views that open their transactions themselves, whatever the host's ATOMIC_REQUESTS says."""

from collections.abc import Sequence

from django.db import connections
from django.db.transaction import non_atomic_requests
from django.urls import URLPattern


def without_atomic_requests(patterns: Sequence[URLPattern]) -> list[URLPattern]:
    """The patterns, with views that no request's transaction surrounds.

    A refused call would roll it back, and with it what counts calls and records who looked at what.
    """
    for pattern in patterns:
        for alias in connections:
            non_atomic_requests(alias)(pattern.callback)
    return list(patterns)
