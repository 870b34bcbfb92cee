"""Signing in and out, from Django's own signals.

`login` and `logout` are recorded for browsers (method=password) and programs (method=token); `session_start` when a
browser session begins. Session ids leave the process as pseudonyms only.
"""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest

from accounts.models import User
from analytics.collect.quietly import quietly
from analytics.collect.scope import RequestScope, current_scope
from analytics.collect.track import track_user_activity


def _session_key(request: HttpRequest) -> str | None:
    """The key of the browser session, None for a program's token."""
    session = getattr(request, "session", None)
    return session.session_key if session is not None and SESSION_KEY in session else None


def on_signed_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    with quietly():
        scope = current_scope()
        if not isinstance(scope, RequestScope):
            return
        scope.user = user
        session_key = _session_key(request)
        track_user_activity("login", session_id=session_key, method="password" if session_key else "token")
        if session_key:
            track_user_activity("session_start", session_id=session_key)


def on_signed_out(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    with quietly():
        scope = current_scope()
        if not isinstance(scope, RequestScope) or user is None:
            return
        # The request forgets its person now; what they did is still theirs.
        scope.user = user
        session_key = _session_key(request)
        track_user_activity("logout", session_id=session_key, method="password" if session_key else "token")
