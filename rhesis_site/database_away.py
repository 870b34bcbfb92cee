"""Limits a request's waits for databases, and answers 503 while a needed database is away.

Without it, a frozen database would block every thread that queries it, and a stopped one would cause a 500.
"""

import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.defaults import server_error

from privacy.outages import cause
from privacy.waits import at_most

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 20.0  # longer than any report takes
RETRY_AFTER_SECONDS = "10"
MESSAGE = "The database does not answer. Please try again in a moment."


class LimitedWaits:
    """Middleware: all waits of a request for databases end within REQUEST_SECONDS."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.__acall__(request)
        with at_most(REQUEST_SECONDS):
            return cast(HttpResponseBase, self.get_response(request))

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        with at_most(REQUEST_SECONDS):
            return cast(HttpResponseBase, await self.get_response(request))


def handler500(request: HttpRequest) -> HttpResponse:
    """503 if a database is away, 500 for any other error. Called while the exception is handled."""
    error = sys.exc_info()[1]
    if not isinstance(error, OperationalError | InterfaceError):
        return server_error(request)
    logger.warning("A request could not be answered: %s", cause(error))
    response: HttpResponse
    if request.path.startswith(("/api/", "/v1/")):
        response = JsonResponse({"detail": MESSAGE}, status=503)
    else:
        response = render(None, "503.html", {"message": MESSAGE}, status=503)
    response["Retry-After"] = RETRY_AFTER_SECONDS
    return response
