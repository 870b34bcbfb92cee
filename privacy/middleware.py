"""Records that a response showed the notice, and that a browser sent `Sec-GPC: 1`.

Both are written once per person and notice version. Every other request costs two look-ups and no query.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from privacy import choice_cookie, choices
from privacy.acting import acting_in
from privacy.context_processors import SHOWN, showing
from privacy.keys import Key
from privacy.looking import asks_not_to_be_tracked, is_looked_at
from privacy.people import resolved_user
from privacy.process import Bounded
from privacy.startup import log_findings

logger = logging.getLogger(__name__)

BROWSER_SIGNAL = "privacy_browser_signal"  # session: the signal has been recorded
MAXIMUM_REMEMBERED = 10_000
# People whose signal is in the database already, for clients without a session; one for each process.
_noted: Bounded[Key, None] = Bounded(MAXIMUM_REMEMBERED)


class PrivacyMiddleware:
    """Runs inside AuthenticationMiddleware, to know the person, and inside TelemetryMiddleware, to block a request."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        log_findings()
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.__acall__(request)
        with choice_cookie.noting_changes() as changed:
            with acting_in(request):
                response = cast(HttpResponseBase, self.get_response(request))
            if _has_something_to_note(request):
                _note(request, response)
        choice_cookie.set_on(response, request, changed)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        with choice_cookie.noting_changes() as changed:
            with acting_in(request):
                response = cast(HttpResponseBase, await self.get_response(request))
            if _has_something_to_note(request):
                await sync_to_async(_note)(request, response)
        if changed:
            await sync_to_async(choice_cookie.set_on)(response, request, changed)
        return response


def _has_something_to_note(request: HttpRequest) -> bool:
    return asks_not_to_be_tracked(request) or hasattr(request, "privacy_notice_rendered")


def _note(request: HttpRequest, response: HttpResponseBase) -> None:
    user = resolved_user(request)
    if user is None:
        return
    try:
        if asks_not_to_be_tracked(request):
            _note_signal(request, user.pk)
        version: int | None = getattr(request, "privacy_notice_rendered", None)
        if (
            version is not None
            and request.session.get(SHOWN) != showing(version)
            and _is_on_the_page(version, request, response)
        ):
            choices.note_notice_shown(user.pk, version, browser_signal=asks_not_to_be_tracked(request))
            request.session[SHOWN] = showing(version)
    except Exception as error:  # noqa: BLE001  after any error, this request must not be recorded
        # The signal could not be stored, but still applies to this request.
        request.telemetry_refused = True  # type: ignore[attr-defined]
        logger.warning("A privacy signal could not be recorded: %s", type(error).__name__)


def _is_on_the_page(version: int, request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the person sees the notice: the page is visible and the response still contains the notice."""
    return (
        is_looked_at(request)
        and isinstance(response, HttpResponse)
        and response.status_code == 200
        and response.headers.get("Content-Type", "").startswith("text/html")
        and f'data-notice="{version}"'.encode() in response.content
    )


def _note_signal(request: HttpRequest, user_id: Key) -> None:
    session = getattr(request, "session", None)
    if user_id in _noted or (session is not None and session.get(BROWSER_SIGNAL) == str(user_id)):
        return
    choices.note_browser_signal(user_id)
    _noted[user_id] = None
    if session is not None and not session.is_empty():
        session[BROWSER_SIGNAL] = str(user_id)
