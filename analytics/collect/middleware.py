"""Middleware that measures requests, and provides the person for `track_*`.

It adds no query: after the response it uses the user that the site has already loaded. A person known not to consent
costs one look-up in the hint. A streaming response ends with its body.
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from time import time_ns
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from analytics.collect import ends, pipeline
from analytics.collect.quietly import quietly, swallow
from analytics.collect.records import RecordedSpan, Subject
from analytics.collect.scope import enter, leave, person_of, scope_of, settle
from analytics.collect.streaming import follow
from analytics.collect.tally import NO_USER, Outcome
from analytics.conf import conf
from analytics.events import Request, known_method
from analytics.vocabulary import UNMATCHED_ROUTE
from privacy.elapsed import elapsed_ns
from privacy.organizations import organization_of
from privacy.people import Person
from privacy.startup import log_findings
from privacy.switches import current_switches

# Whether the stock instrumentor measures this process's requests; `analytics.collect.stock` sets it.
stock_measures = False


class TelemetryMiddleware:
    """Must precede the middlewares that load the user. Not installed while a switch keeps telemetry off."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        log_findings()
        if not current_switches().allow:
            raise MiddlewareNotUsed("telemetry is off for this installation")
        self.get_response = get_response
        self.measures = not (conf.use_stock_instrumentor and stock_measures)
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
            ends.under_asgi = True

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self.__acall__(request)
        began_ns = time_ns()
        token = enter(request)
        began = elapsed_ns()
        try:
            response: HttpResponseBase = self.get_response(request)
        finally:
            leave(token)
        self._returned(request, response, began_ns, began)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        began_ns = time_ns()
        token = enter(request)
        began = elapsed_ns()
        try:
            response: HttpResponseBase = await self.get_response(request)
        except CancelledError:
            # The client disconnected before there was a status: record tracked events, but no request.
            self._end(request, None, began_ns, began, 0)
            raise
        finally:
            leave(token)
        self._returned(request, response, began_ns, began)
        return response

    def _returned(self, request: HttpRequest, response: HttpResponseBase, began_ns: int, began: int) -> None:
        """Finish the request now, or at the end of its body. `began_ns` and `began` are the same moment (`Subject`)."""
        if not isinstance(response, StreamingHttpResponse):
            self._end(request, response, began_ns, began, elapsed_ns() - began)
            return
        with quietly():
            user = person_of(request)
            if user is not None:
                if refused(request, user):
                    return
                # A stream may last for hours, so record its events now.
                for tracked in settle(request, subject := Subject(user.pk, organization_of(user), began_ns, began)):
                    pipeline.record(tracked.of(subject))
            follow(request, response, lambda: self._end(request, response, began_ns, began, elapsed_ns() - began))

    def _end(
        self, request: HttpRequest, response: HttpResponseBase | None, began_ns: int, began: int, duration_ns: int
    ) -> None:
        # `try` instead of `quietly`, which would double the cost for people who do not share.
        try:
            user = person_of(request)
            if user is None:
                pipeline.tally.add(Outcome.INVALID, NO_USER, len(scope_of(request).tracked))
            elif not refused(request, user):
                self._record(request, Subject(user.pk, organization_of(user), began_ns, began), response, duration_ns)
        except Exception as error:  # noqa: BLE001  whatever goes wrong here, the request has its answer
            swallow(error)

    def _record(
        self, request: HttpRequest, subject: Subject, response: HttpResponseBase | None, duration_ns: int
    ) -> None:
        if self.measures and response is not None:
            pipeline.record(
                RecordedSpan(
                    subject,
                    Request(known_method(request.method), route(request), response.status_code),
                    start_ns=subject.began_ns,
                    end_ns=subject.began_ns + duration_ns,
                )
            )
        for tracked in settle(request, subject):
            pipeline.record(tracked.of(subject))


def refused(request: HttpRequest, user: Person) -> bool:
    """Whether nothing of this request may be recorded, as far as is known without a query."""
    return pipeline.hint.refuses(user.pk) or getattr(request, "telemetry_refused", False)


def route(request: HttpRequest) -> str:
    """The matched URL pattern in Django's notation, never the path; `clean` normalizes it."""
    match = request.resolver_match
    return UNMATCHED_ROUTE if match is None else match.route
