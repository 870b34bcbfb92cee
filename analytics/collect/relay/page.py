"""What a page may be told: whether to load telemetry at all, where to send, and which session it belongs to."""

from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from analytics.collect import pipeline
from analytics.conf import conf
from analytics.identity import Kind, pseudonym
from privacy.clock import unix_ns
from privacy.consent import Decision, Reason
from privacy.gate import dated_decision
from privacy.looking import asks_not_to_be_tracked
from privacy.switches import current_switches

# How long a browser that sends elsewhere may go on without asking again.
IDENTITY_SECONDS = 60
# Consent could not be read. It counts as a no that may be a yes in a moment.
UNREADABLE = (DatabaseError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Page:
    """For the script of a page. `mark` tells pages of one session from those of another, and means nothing else.

    `catalogue` is where the script finds this project's own events and routes; empty where it has none.
    """

    endpoint: str
    deployment_type: str
    mark: str
    now_ms: int
    catalogue: str


def browser_telemetry_is_on() -> bool:
    """Whether this installation has any browser telemetry."""
    return bool(conf.browser_endpoint) and current_switches().allow


def page_for(request: HttpRequest) -> Page | None:
    """None for whoever does not consent now: their page has no telemetry script. Fails closed."""
    if not browser_telemetry_is_on():
        return None
    user = getattr(request, "user", None)
    if not getattr(user, "is_authenticated", False):
        return None
    # A short memory of this process: enough for a page, which is followed by others. A front end that has just saved a
    # yes and asks once must hear it, whichever process answers.
    person: User = user  # type: ignore[assignment]  # or a lazy object of one
    if pipeline.hint.refuses(person.pk):
        return None
    try:
        permitted = permission(request, person)
    except UNREADABLE:
        return None
    if permitted is None:
        return None
    return Page(
        conf.browser_endpoint,
        conf.browser_deployment_type.value,
        mark(request),
        permitted.now_ms,
        reverse("browser-catalogue") if conf.has_own_catalogues else "",
    )


@dataclass(frozen=True, slots=True)
class Permission:
    """The gate said yes. `now_ms` is when, by the database's clock: whichever host answers, browsers date by one."""

    decision: Decision
    now_ms: int


def permission(request: HttpRequest, user: User) -> Permission | None:
    """For this request and person; None if the gate says no. Raises one of UNREADABLE."""
    if getattr(request, "telemetry_refused", False):
        return None
    found = dated_decision(user.pk)
    if found is None or not found[0].enabled:
        return None
    decision, now = found
    if decision.reason is not Reason.CHOICE and asks_not_to_be_tracked(request):
        return None  # the signal of this very request, which is only noted after the response
    return Permission(decision, unix_ns(now) // 1_000_000)


def mark(request: HttpRequest) -> str:
    """Of the browser session: a page opened by somebody who has signed out since must not send as who is signed in."""
    return salted_hmac("analytics.collect.relay.page", session_key(request), algorithm="sha256").hexdigest()[:32]


def is_of_this_session(request: HttpRequest, claimed: str) -> bool:
    return constant_time_compare(mark(request), claimed)


def session_key(request: HttpRequest) -> str:
    return request.session.session_key or ""


def identity(request: HttpRequest, user: User) -> dict[str, str]:
    """The pseudonyms a browser puts on what it sends straight to another collector."""
    organization: UUID | None = user.organization_id
    found = {
        "user.id": str(pseudonym(Kind.USER, user.pk)),
        "session.id": str(pseudonym(Kind.SESSION, session_key(request))),
    }
    if organization is not None:
        found["organization.id"] = str(pseudonym(Kind.ORGANIZATION, organization))
    return found
