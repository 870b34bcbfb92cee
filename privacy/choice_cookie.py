"""A cookie that changes whenever a person's decision changes, so that all their tabs ask the site again.

A BroadcastChannel reaches one origin only. This cookie has the session cookie's scope: it also reaches other ports, and
front ends that proxy to the site. Its value alternates between 0 and 1 and carries no other information.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from privacy.keys import Key
from privacy.people import resolved_user
from privacy.signals import consent_changed

# The browser package and privacy.js use the same name.
NAME = "privacy_choice"
_changed: ContextVar[set[Key | None] | None] = ContextVar("people whose decision this request changed", default=None)


@contextmanager
def noting_changes() -> Iterator[set[Key | None]]:
    """Yield the set of people whose decision changes inside the block, also in this request's threads."""
    people: set[Key | None] = set()
    token = _changed.set(people)
    try:
        yield people
    finally:
        _changed.reset(token)


def set_on(response: HttpResponseBase, request: HttpRequest, changed: set[Key | None]) -> None:
    """Set the cookie if the decision about the person of this browser session is among `changed`."""
    user = resolved_user(request) if changed else None
    session = getattr(request, "session", None)
    if user is None or user.pk not in changed or session is None or session.is_empty():
        return
    response.set_cookie(
        NAME,
        "0" if request.COOKIES.get(NAME) == "1" else "1",
        domain=settings.SESSION_COOKIE_DOMAIN,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def _note(*, user_id: Key | None, **_: Any) -> None:
    if (people := _changed.get()) is not None:
        people.add(user_id)


consent_changed.connect(_note)
