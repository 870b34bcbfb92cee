"""`POST /v1/traces`, `GET /v1/identity` and `GET /v1/catalogue`: OTLP over HTTP for this site's own pages."""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.http import is_same_domain
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from analytics.catalogue import current_catalogue
from analytics.catalogue_export import for_browsers
from analytics.collect import pipeline
from analytics.collect.records import RecordedSpan, Subject
from analytics.collect.relay import page
from analytics.collect.relay.allowance import allowance
from analytics.collect.relay.bodies import BrowserSpan, Encoding, UnreadableBody, read
from analytics.collect.relay.events import Rejected, Rejection, recorded, undeclared_keys
from analytics.collect.relay.forward import REST_AFTER_FAILURE_SECONDS, forwarder
from analytics.collect.tally import Outcome
from analytics.conf import conf
from privacy.clock import read_database_clock, unix_ns
from privacy.elapsed import elapsed_ns
from privacy.organizations import organization_of
from privacy.people import Person

T = TypeVar("T")

LARGEST_BODY = 64 * 1024  # browsers' limit for a closing page
PAGE_HEADER = "X-Telemetry-Page"
CATALOGUE_SECONDS = 600  # cached by browsers
CODES = {
    400: code_pb2.INVALID_ARGUMENT,
    401: code_pb2.UNAUTHENTICATED,
    403: code_pb2.PERMISSION_DENIED,
    404: code_pb2.NOT_FOUND,
    413: code_pb2.INVALID_ARGUMENT,
    415: code_pb2.INVALID_ARGUMENT,
    429: code_pb2.RESOURCE_EXHAUSTED,
    503: code_pb2.UNAVAILABLE,
}


class _Refused(Exception):
    """Leaves the view with a status and a reason."""

    def __init__(self, status: int, reason: str, *, retry_after_seconds: float = 0) -> None:
        self.status, self.reason, self.retry_after_seconds = status, reason, retry_after_seconds


@csrf_exempt  # the origin is checked instead: a closing page can send no form
@require_POST
@never_cache
def traces(request: HttpRequest) -> HttpResponse:
    """Accept spans of browsers that the catalogue allows, for the signed-in person. 200: do not send them again."""
    came_in_ns = elapsed_ns()
    encoding = _encoding(request)
    try:
        user = _permitted_user(request)
        spans = _spans(request, encoding)
        if wait := allowance.take(user.pk, len(spans)):
            pipeline.tally.add(Outcome.INVALID, "browser_rate_limited", len(spans))
            raise _Refused(429, "too many events", retry_after_seconds=wait)
        taken, rejections, undeclared = _judged(spans, _subject(user, came_in_ns), page.session_key(request))
        sending = forwarder()
        if taken and not sending.send(taken):
            raise _Refused(
                503,
                "the collector or the database is away",
                retry_after_seconds=sending.rest_seconds() or REST_AFTER_FAILURE_SECONDS,
            )
        # Count after sending, because a browser repeats a refused request.
        for rejection, number in rejections.items():
            pipeline.tally.add(Outcome.INVALID, f"browser_{rejection}", number)
        if undeclared:
            pipeline.tally.add(Outcome.INVALID, "browser_metadata_key", undeclared)
        return _answer(_response(rejections), 200, encoding)
    except _Refused as refused:
        response = _answer(Status(code=CODES[refused.status], message=refused.reason), refused.status, encoding)
        if refused.retry_after_seconds:
            response["Retry-After"] = str(int(refused.retry_after_seconds) + 1)
        return response
    finally:
        # Do not record requests of telemetry itself.
        request.telemetry_refused = True  # type: ignore[attr-defined]


@require_GET
@never_cache
def identity(request: HttpRequest) -> JsonResponse:
    """Whether this page may send, or why not; the site's clock, and pseudonyms for a collector elsewhere.

    Without consent it also answers 200, because browsers report other statuses in their console as errors.
    """
    try:
        if not page.browser_telemetry_is_on():
            return _no("not_set_up")
        if not request.user.is_authenticated:
            return _no("signed_out")
        user = request.user
        permission = _permission(request, user)
        if permission is None or permission.decision.since is None:
            return _no("off")
        answer = {
            "telemetry_enabled": True,
            "now_ms": permission.now_ms,
            "page": page.session_tag(request),
            "since_ms": unix_ns(permission.decision.since) // 1_000_000 + 1,
            "expires_ms": permission.now_ms + page.IDENTITY_SECONDS * 1000,
        }
        if not conf.browser_endpoint.startswith("/"):
            answer["identity"] = page.identity(request, user, permission)
        return JsonResponse(answer)
    except _Refused as refused:
        return JsonResponse({"detail": refused.reason}, status=refused.status)
    finally:
        request.telemetry_refused = True  # type: ignore[attr-defined]


@require_GET
@cache_control(max_age=CATALOGUE_SECONDS)
def catalogue(request: HttpRequest) -> JsonResponse:
    """Events and page routes that a browser may send, for pages of a site with catalogues of its own."""
    request.telemetry_refused = True  # type: ignore[attr-defined]
    if not page.browser_telemetry_is_on():
        return JsonResponse({"detail": "there is no browser telemetry here"}, status=404)
    return JsonResponse(for_browsers(current_catalogue()))


def _no(reason: str) -> JsonResponse:
    return JsonResponse({"telemetry_enabled": False, "reason": reason})


def _signed_in(request: HttpRequest) -> Person:
    if not page.browser_telemetry_is_on():
        raise _Refused(404, "there is no browser telemetry here")
    if not request.user.is_authenticated:
        raise _Refused(401, "nobody is signed in")
    return request.user


def _permitted_user(request: HttpRequest) -> Person:
    if not _is_from_this_site(request):
        raise _Refused(403, "the request does not come from a page of this site")
    user = _signed_in(request)
    if not page.is_of_this_session(request, request.headers.get(PAGE_HEADER, "")):
        raise _Refused(403, "the page belongs to another session")
    if _permission(request, user) is None:
        raise _Refused(403, "telemetry is off")
    return user


def _permission(request: HttpRequest, user: Person) -> page.Permission | None:
    return _readable(lambda: page.permission(request, user))


def _subject(user: Person, came_in_ns: int) -> Subject:
    """`came_in_ns`: of `elapsed_ns`."""
    clock = _readable(read_database_clock)
    return Subject(user.pk, organization_of(user), clock.earliest_ns(came_in_ns), came_in_ns)


def _readable(read: Callable[[], T]) -> T:
    """Call `read`; answer 503 if consent cannot be read, because after a 403 the browser would drop its events."""
    try:
        return read()
    except page.UNREADABLE:
        raise _Refused(503, "consent cannot be read now", retry_after_seconds=REST_AFTER_FAILURE_SECONDS) from None


def _is_from_this_site(request: HttpRequest) -> bool:
    """Check `Origin`, which every browser sends with a POST."""
    origin = request.headers.get("Origin", "")
    if origin == f"{request.scheme}://{request.get_host()}":
        return True
    try:
        scheme, host = urlsplit(origin)[:2]
    except ValueError:
        return False
    return any(
        scheme == trusted_scheme and is_same_domain(host, trusted_host.lstrip("*"))
        for trusted_scheme, _, trusted_host in (trusted.partition("://") for trusted in settings.CSRF_TRUSTED_ORIGINS)
    )


def _encoding(request: HttpRequest) -> Encoding | None:
    try:
        return Encoding((request.content_type or "").lower())
    except ValueError:
        return None


def _spans(request: HttpRequest, encoding: Encoding | None) -> list[BrowserSpan | None]:
    if encoding is None or request.headers.get("Content-Encoding", "identity") != "identity":
        raise _Refused(415, f"send {' or '.join(Encoding)}, not compressed")
    body = request.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise _Refused(413, f"more than {LARGEST_BODY} bytes")
    try:
        return read(body, encoding)
    except UnreadableBody as error:
        raise _Refused(400, str(error)) from None


def _judged(
    spans: list[BrowserSpan | None], subject: Subject, session_key: str
) -> tuple[list[RecordedSpan], Counter[Rejection], int]:
    """The recorded spans, the rejections by reason, and the number of metadata keys dropped from recorded spans."""
    taken, rejections, undeclared = [], Counter[Rejection](), 0
    for span in spans:
        try:
            each = recorded(span, subject, session_key)
        except Rejected as rejected:
            rejections[rejected.rejection] += 1
            continue
        taken.append(each)
        # An unreadable span has been rejected above.
        undeclared += undeclared_keys(span, each) if span is not None else 0
    return taken, rejections, undeclared


def _response(rejections: Counter[Rejection]) -> ExportTraceServiceResponse:
    if not rejections:
        return ExportTraceServiceResponse()
    reasons = ", ".join(f"{rejection}: {number}" for rejection, number in sorted(rejections.items()))
    return ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=rejections.total(), error_message=reasons)
    )


def _answer(message: Message, status: int, encoding: Encoding | None) -> HttpResponse:
    """In the encoding of the request, as OTLP/HTTP wants it; JSON for whoever sent neither."""
    if encoding is Encoding.PROTOBUF:
        return HttpResponse(message.SerializeToString(), status=status, content_type=encoding.value)
    return HttpResponse(MessageToJson(message, indent=None), status=status, content_type=Encoding.JSON.value)
