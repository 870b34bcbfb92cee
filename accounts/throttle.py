"""Brakes on guessing passwords, shared by the sign-in page, the admin's and the API.

Failures are counted for each account and for each address, in the cache that all workers share, under keyed hashes: the
cache holds neither names nor addresses. If the cache cannot be read, signing in fails rather than going unbraked.
"""

import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from rest_framework.throttling import SimpleRateThrottle


class FailedSignIns(SimpleRateThrottle):
    """DRF's sliding window, over failures only. `rate` such as "10/hour"; the identity is hashed into the key."""

    scope = "sign-in"

    def __init__(self, kind: str, identity: str, rate: str) -> None:
        self.rate = rate
        super().__init__()
        attempts, window_s = self.parse_rate(rate)
        self.attempts, self.window_s = attempts or 0, window_s or 0
        self.key = f"sign-in-{kind}-{salted_hmac('accounts.throttle', identity, algorithm='sha256').hexdigest()}"

    def seconds_to_wait(self) -> float | None:
        """None if another attempt is allowed now."""
        now, failures = self._failures()
        if len(failures) < self.attempts:
            return None
        # The oldest failure that still counts must grow out of the window.
        return self.window_s - (now - failures[self.attempts - 1])

    def count(self) -> None:
        now, failures = self._failures()
        cache.set(self.key, [now, *failures][: self.attempts], self.window_s)

    def clear(self) -> None:
        cache.delete(self.key)

    def _failures(self) -> tuple[float, list[float]]:
        """The time now, and those of the failures inside the window, newest first."""
        now = time.time()
        return now, [moment for moment in cache.get(self.key, []) if moment > now - self.window_s]


def _brakes(request: HttpRequest, username: str) -> tuple[FailedSignIns, FailedSignIns]:
    return (
        FailedSignIns("account", username.casefold(), settings.SIGN_IN_FAILURES_PER_ACCOUNT),
        FailedSignIns("address", address(request), settings.SIGN_IN_FAILURES_PER_ADDRESS),
    )


def address(request: HttpRequest) -> str:
    """The client's address. What a proxy forwarded counts only where the settings say that there is one."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_PROXY else ""
    # The last entry is our own proxy's word; those before it anyone can write.
    return forwarded.rsplit(",", 1)[-1].strip() or request.META.get("REMOTE_ADDR", "")


def seconds_to_wait(request: HttpRequest, username: str) -> int | None:
    """How long until this account may be tried again from this address; None if now."""
    waits = [wait for brake in _brakes(request, username) if (wait := brake.seconds_to_wait()) is not None]
    return int(max(waits)) + 1 if waits else None


def note_failure(request: HttpRequest, username: str) -> None:
    for brake in _brakes(request, username):
        brake.count()


def note_success(request: HttpRequest, username: str) -> None:
    """A person who knows the password does not pay for their own slips; their address still does."""
    _brakes(request, username)[0].clear()
