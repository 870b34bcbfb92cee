"""The current notice, cached for LIFETIME_SECONDS so that most pages need no query for it."""

import time
from dataclasses import dataclass

from privacy.models import PrivacyNotice

LIFETIME_SECONDS = 10.0


@dataclass(slots=True)
class _Memory:
    notice: PrivacyNotice | None = None
    until: float = 0.0


_memory = _Memory()


def current_notice() -> PrivacyNotice | None:
    """The newest notice. A notice published by another process appears after LIFETIME_SECONDS at most."""
    if time.monotonic() >= _memory.until:
        _memory.notice = PrivacyNotice.objects.order_by("-version").first()
        _memory.until = time.monotonic() + LIFETIME_SECONDS
    return _memory.notice


def forget_current_notice() -> None:
    _memory.until = 0.0
