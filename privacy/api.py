"""The person's API: `/api/users/telemetry/...`, exact paths and bodies of the original note."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, ClassVar, cast
from urllib.parse import urlencode
from uuid import UUID

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, NotFound, ParseError, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from privacy import api_shapes as shapes
from privacy import receipts
from privacy.choices import choose, pending_receipts, request_deletion, set_organization_policy
from privacy.consent import Decision, Reason
from privacy.gate import decision_for
from privacy.kinds import digits
from privacy.models import ConsentEvent, OrganizationPolicy, Source
from privacy.organizations import may_change, policy_of
from privacy.pages import product_name
from privacy.people import Person
from privacy.reach import Unreachable, telemetrys_database
from privacy.streaming import as_the_server_reads, release_connections
from privacy.telemetry import NoCursor, NothingToDelete, Rows, telemetry

THANKS = "Thank you for helping improve {}!"
DISABLED = "Telemetry has been disabled."
# Of a download: a page's rows are in memory together.
ROWS_AT_ONCE = 1000


class PersonView(APIView):
    """An API view for the signed-in person about themselves."""

    @property
    def person(self) -> Person:
        return cast(Person, self.request.user)


class Status(PersonView):
    @extend_schema(responses=shapes.TelemetryStatus)
    def get(self, request: Request) -> Response:
        """Whether the person's usage is recorded now: the effective decision.

        A browser session gets its CSRF cookie, which `enable` and `disable` want back in the header X-CSRFToken.
        """
        if _source(request) is Source.SETTINGS_PAGE:
            get_token(request._request)
        decision = decision_for(self.person.pk)
        return shapes.TelemetryStatus.answer({"telemetry_enabled": decision.enabled, "user_id": self.person.pk})


class Enable(PersonView):
    @extend_schema(request=None, responses=shapes.TelemetryChange)
    def put(self, request: Request) -> Response:
        """Switch sharing on. Where the operator has telemetry off, the choice is kept and the message says so."""
        return _changed(request, self.person, enabled=True)


class Disable(PersonView):
    @extend_schema(request=None, responses=shapes.TelemetryChange)
    def put(self, request: Request) -> Response:
        """Switch sharing off. What is waiting to be sent is not sent any more."""
        return _changed(request, self.person, enabled=False)


def _changed(request: Request, person: Person, *, enabled: bool) -> Response:
    # Neither call takes a body, but one that cannot be read is a caller's mistake worth telling.
    _ = request.data
    decision = choose(person.pk, enabled=enabled, source=_source(request), actor_id=person.pk)
    return shapes.TelemetryChange.answer(
        {"telemetry_enabled": decision.enabled, "message": message(decision, wanted=enabled)}
    )


def _source(request: Request) -> Source:
    """The settings page saves by this API where there is JavaScript, and only this site's pages have its cookie."""
    by_cookie = isinstance(request.successful_authenticator, SessionAuthentication)
    return Source.SETTINGS_PAGE if by_cookie else Source.API


def message(decision: Decision, *, wanted: bool) -> str:
    """What to tell a person who has just chosen."""
    if not wanted:
        return DISABLED
    return THANKS.format(product_name()) if decision.reason is Reason.CHOICE else decision.beside_switch(wanted=wanted)


class Preview(PersonView):
    @extend_schema(responses=shapes.TelemetryPreview)
    def get(self, request: Request) -> Response:
        """Exactly what one request of this person would send, as OTLP/JSON. It is sent nowhere."""
        return shapes.TelemetryPreview.answer(telemetry().preview(self.person.pk))


class History(PersonView):
    @extend_schema(parameters=shapes.PAGE, responses=shapes.TelemetryHistory)
    def get(self, request: Request) -> Response:
        """The ledger of the person's choices, newest first."""
        limit, offset = _whole(request, "limit"), _whole(request, "offset")
        events = ConsentEvent.objects.filter(user_id=self.person.pk).with_password_source()
        return shapes.TelemetryHistory.answer(
            {"count": events.count(), "results": events[offset : offset + limit]}, person=self.person
        )


class HistoryReceipt(PersonView):
    @extend_schema(parameters=[shapes.EVENT], responses=shapes.RECEIPT_ANSWERS)
    def get(self, request: Request, event: str) -> HttpResponseBase:
        """The signed receipt of one choice, as JSON-LD (ISO/IEC TS 27560:2023 in the W3C Data Privacy Vocabulary)."""
        try:
            choice = ConsentEvent.objects.get(pk=UUID(event), user_id=self.person.pk, action__in=receipts.CHOICES)
        except (ValueError, ConsentEvent.DoesNotExist):
            raise NotFound("You have made no such choice.") from None
        content = receipts.receipt_of(choice, request.build_absolute_uri("/"))
        response = HttpResponse(content, content_type="application/ld+json")
        response["Content-Disposition"] = f'attachment; filename="consent-receipt-{choice.pk}.jsonld"'
        response["Cache-Control"] = "no-store"
        return response


class Data(PersonView):
    """The rows stored about the person, and their deletion."""

    def get_throttles(self) -> list[Any]:
        return [ErasureThrottle()] if self.request.method == "DELETE" else []

    @extend_schema(parameters=[shapes.LIMIT, shapes.CURSOR, shapes.FORMAT], responses=shapes.DATA_ANSWERS)
    def get(self, request: Request) -> HttpResponseBase:
        """The stored rows, newest first, paged: `next` is the address of the page after this one.

        With `?format=ndjson` all of them as a download.
        """
        wanted = request.query_params.get("format", "json")
        if wanted not in {"json", "ndjson"}:
            raise ParseError("format must be json or ndjson.")
        if wanted == "ndjson":
            return download(request._request, self.person)
        if "offset" in request.query_params:
            raise ParseError("offset is not supported. Follow `next`, the address of the next page.")
        limit, cursor = _whole(request, "limit"), request.query_params.get("cursor", "")
        try:
            with telemetrys_database.using():
                page = telemetry().rows(self.person.pk, limit=limit, cursor=cursor)
                stored = telemetry().stored(self.person.pk)
        except NoCursor:
            raise ParseError("cursor must be copied from the `next` address of a page.") from None
        except Unreachable:
            raise NotNow(UNREADABLE) from None
        return shapes.TelemetryData.answer(
            {
                "stored_here": stored.here,
                "count": stored.count,
                "count_by_table": stored.count_by_table,
                "results": page.rows,
                "next": page.next and f"{request.path}?{urlencode({'limit': limit, 'cursor': page.next})}",
            }
        )

    @extend_schema(request=None, responses={202: shapes.ErasureReceipt, 404: shapes.Problem, 503: shapes.Problem})
    def delete(self, request: Request) -> Response:
        """Delete what was collected. The receipt says what was asked, when, and how to follow it."""
        try:
            receipt = request_deletion(self.person.pk, source=_source(request), actor_id=self.person.pk)
        except NothingToDelete:
            raise NotFound("This site collects nothing, so there is nothing to delete.") from None
        except (DatabaseError, Unreachable):
            raise NotNow from None
        return shapes.ErasureReceipt.answer(receipt, status=202)


class Erasures(PersonView):
    @extend_schema(responses=shapes.TelemetryErasures)
    def get(self, request: Request) -> Response:
        """The person's requests to delete and what became of them, newest first."""
        try:
            with telemetrys_database.using():
                known = telemetry().receipts(self.person.pk)
        except Unreachable:
            raise NotNow(UNREADABLE) from None
        return shapes.TelemetryErasures.answer({"results": [*pending_receipts(self.person.pk, known), *known]})


class OrganizationTelemetryPolicy(PersonView):
    """The policy of the person's organization: it can only switch sharing off."""

    answers: ClassVar[dict[int, Any]] = {200: shapes.OrganizationPolicy, 404: shapes.Problem}

    @extend_schema(responses=answers)
    def get(self, request: Request) -> Response:
        """Whether sharing is off for everyone in the person's organization, and whether the person may change it."""
        return self._answer(self._policy())

    @extend_schema(request=None, responses=answers)
    def put(self, request: Request) -> Response:
        """Switch sharing off for everyone in the organization, whatever they chose. Only its administrators may."""
        return self._changed(sharing_off=True)

    @extend_schema(request=None, responses=answers)
    def delete(self, request: Request) -> Response:
        """Leave sharing to each person again: this switches nobody on. Only its administrators may."""
        return self._changed(sharing_off=False)

    def _policy(self) -> OrganizationPolicy:
        policy = policy_of(self.person)
        if policy is None:
            raise NotFound("You are in no organization.")
        return policy

    def _changed(self, *, sharing_off: bool) -> Response:
        _ = self.request.data
        policy = self._policy()
        if not may_change(self.person, policy):
            raise PermissionDenied("Only administrators of your organization can change this.")
        return self._answer(
            set_organization_policy(
                policy.pk, sharing_off=sharing_off, source=_source(self.request), actor_id=self.person.pk
            )
        )

    def _answer(self, policy: OrganizationPolicy) -> Response:
        return shapes.OrganizationPolicy.answer(policy, person=self.person)


class NotNow(APIException):
    """503: nothing was done; the same request may succeed later."""

    status_code = 503
    default_code = "unavailable"
    default_detail = "The database is not available. Nothing was changed; please try again in a moment."


UNREADABLE = "The stored records are not available. Please try again in a moment."


class ErasureThrottle(UserRateThrottle):
    """Each deletion waits for every writer of rows; nobody needs one every second. Shared by API and page."""

    scope = "erasure"
    rate = "20/hour"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        # A cache may refuse characters of an account's key. It also need not know whose key it is.
        return f"throttle_{self.scope}_{sha256(str(request.user.pk).encode()).hexdigest()}"


def download(request: HttpRequest, person: Person) -> StreamingHttpResponse:
    """All stored rows of the person as NDJSON, streamed. Raises NotNow if the first of them cannot be read."""

    def rows_after(cursor: str) -> Rows:
        with telemetrys_database.using():
            return telemetry().rows(person.pk, limit=ROWS_AT_ONCE, cursor=cursor)

    def pages(page: Rows) -> Iterator[str]:
        yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in page.rows)
        while page.next is not None:
            # A slow reader holds no connection while it reads.
            release_connections()
            page = rows_after(page.next)
            yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in page.rows)
        release_connections()

    try:
        first = rows_after("")
    except Unreachable:
        raise NotNow(UNREADABLE) from None
    response = StreamingHttpResponse(as_the_server_reads(request, pages(first)), content_type="application/x-ndjson")
    response["Content-Disposition"] = 'attachment; filename="my-telemetry.ndjson"'
    response["Cache-Control"] = "no-store"
    return response


def _whole(request: Request, name: str) -> int:
    """`limit` or `offset` of the query; ParseError for what is no number or out of range."""
    default, smallest, largest = shapes.PAGES[name]
    number = digits(request.query_params.get(name, str(default)), smallest, largest)
    if number is None:
        raise ParseError(f"{name} must be a whole number from {smallest} to {largest}.")
    return number
