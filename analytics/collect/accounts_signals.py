"""Records sign-ins and sign-outs, from Django's signals.

`login` and `logout` have the method that TELEMETRY_SIGN_IN_METHODS declares for the authentication backend, or `other`.
`session_start` is recorded when a browser session begins. Session ids leave the process as pseudonyms only.
"""

from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.http import HttpRequest

from analytics.collect.quietly import quietly
from analytics.collect.scope import RequestScope, current_scope
from analytics.collect.track import track_user_activity
from analytics.conf import conf
from analytics.vocabulary import OTHER_SIGN_IN_METHOD
from privacy.people import Person


def on_signed_in(*, request: HttpRequest | None, user: Person, backend: str | None = None, **_: Any) -> None:
    """Receiver of `user_logged_in`. `backend` is set for sign-ins without a session."""
    with quietly():
        session_key = _track("login", request, user, backend)
        if session_key:
            track_user_activity("session_start", session_id=session_key)


def on_signed_out(*, request: HttpRequest | None, user: Person | None, backend: str | None = None, **_: Any) -> None:
    """Receiver of `user_logged_out`, sent before the session ends."""
    with quietly():
        if user is not None:
            _track("logout", request, user, backend)


def _track(event: str, request: HttpRequest | None, user: Person, backend: str | None) -> str | None:
    """Record `event`; returns the key of its browser session, or None."""
    scope = current_scope()
    if not isinstance(scope, RequestScope):
        return None
    # After a sign-out the request has no user, but its events are still theirs.
    scope.user = user
    session_key = None
    session = None if backend else getattr(request, "session", None)
    if session is not None and session.get(SESSION_KEY) == str(user.pk):
        session_key, backend = session.session_key, session.get(BACKEND_SESSION_KEY)
    backend = backend or getattr(user, "backend", None)
    method = conf.sign_in_methods.get(backend or "", OTHER_SIGN_IN_METHOD)
    track_user_activity(event, session_id=session_key, method=method)
    return session_key
