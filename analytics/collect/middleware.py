"""Measures requests of people who may be recorded, and tells `track_*` whose request is running.

It adds no query: it looks at who the site already knows the request to be of, after the response. A person known not to
consent costs a look-up in the hint. A response with a body that is produced while it is sent ends with that body.
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from time import time_ns
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts.models import User
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
from privacy.startup import log_findings
from privacy.switches import current_switches

# Whether the stock instrumentor measures this process's requests; `analytics.collect.stock` sets it.
stock_measures = False


class TelemetryMiddleware:
    """Outermost but for what answers without a person. Not installed at all while the switches keep telemetry off."""

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
            # The client went away before there was a status: no endpoint row, but what was tracked is recorded.
            self._end(request, None, began_ns, began, 0)
            raise
        finally:
            leave(token)
        self._returned(request, response, began_ns, began)
        return response

    def _returned(self, request: HttpRequest, response: HttpResponseBase, began_ns: int, began: int) -> None:
        """End the request, or have the end of its body do it. `began_ns` and `began` are one moment: see `Subject`."""
        if not isinstance(response, StreamingHttpResponse):
            self._end(request, response, began_ns, began, elapsed_ns() - began)
            return
        with quietly():
            user = person_of(request)
            if user is not None:
                if refused(request, user):
                    return
                # A stream may last for hours; its events need not wait for its end.
                for tracked in settle(request, subject := Subject(user.id, user.organization_id, began_ns, began)):
                    pipeline.record(tracked.of(subject))
            follow(request, response, lambda: self._end(request, response, began_ns, began, elapsed_ns() - began))

    def _end(
        self, request: HttpRequest, response: HttpResponseBase | None, began_ns: int, began: int, duration_ns: int
    ) -> None:
        # A plain try rather than `quietly`, which would cost someone who refuses as much again as all the rest.
        try:
            user = person_of(request)
            if user is None:
                pipeline.tally.add(Outcome.INVALID, NO_USER, len(scope_of(request).tracked))
            elif not refused(request, user):
                self._record(request, Subject(user.id, user.organization_id, began_ns, began), response, duration_ns)
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


def refused(request: HttpRequest, user: User) -> bool:
    """Whether nothing of this request may be recorded, as far as that is known without asking the database."""
    return pipeline.hint.refuses(user.id) or getattr(request, "telemetry_refused", False)


def route(request: HttpRequest) -> str:
    """The URL pattern that matched, as Django writes it; never the path. `clean` makes it a route of the grammar."""
    match = request.resolver_match
    return UNMATCHED_ROUTE if match is None else match.route
