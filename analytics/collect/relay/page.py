"""Data for a page's telemetry script: whether to load it, where to send, and the page's session."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from analytics import vocabulary
from analytics.collect import pipeline
from analytics.conf import conf
from analytics.identity import Kind, pseudonym
from analytics.voucher import voucher
from privacy.clock import from_unix_us, unix_ns
from privacy.consent import Decision, Reason
from privacy.gate import dated_consent
from privacy.looking import asks_not_to_be_tracked
from privacy.organizations import organization_of
from privacy.people import Person
from privacy.switches import current_switches

# Lifetime of the pseudonyms of a browser that sends to another collector.
IDENTITY_SECONDS = 60
# Errors that mean that consent could not be read; sending is then refused for a moment.
UNREADABLE = (DatabaseError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Page:
    """Data for a page's script. `session_tag` distinguishes pages of different sessions, and has no other meaning.

    `catalogue` is where the script finds this project's own events and routes; empty where it has none.
    """

    endpoint: str
    deployment_type: str
    session_tag: str
    now_ms: int
    catalogue: str


def browser_telemetry_is_on() -> bool:
    """Whether this installation has any browser telemetry."""
    return bool(conf.browser_endpoint) and current_switches().allow


def page_for(request: HttpRequest) -> Page | None:
    """Data for the page, or None without consent: the page then has no telemetry script. Fails closed."""
    if not browser_telemetry_is_on():
        return None
    user = getattr(request, "user", None)
    if not getattr(user, "is_authenticated", False):
        return None
    # The process's short cache is good enough for a page, but not for `permission`: a front end that has just saved an
    # opt-in and asks once must get a yes from every process.
    person: Person = user  # type: ignore[assignment]  # or a lazy object of one
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
        session_tag(request),
        permitted.now_ms,
        reverse("browser-catalogue") if conf.has_own_catalogues else "",
    )


@dataclass(frozen=True, slots=True)
class Permission:
    """Consent was confirmed at `now_ms`, by the database's clock, so that browsers use one clock for all hosts."""

    decision: Decision
    salt: UUID
    now_ms: int


def permission(request: HttpRequest, user: Person) -> Permission | None:
    """Permission for this request and person; None without consent. Raises one of UNREADABLE."""
    if getattr(request, "telemetry_refused", False):
        return None
    found = dated_consent(user.pk)
    if found is None:
        return None
    consent, now = found
    decision, salt = consent.decision, consent.salt
    if not decision.enabled or salt is None:
        return None
    if decision.reason is not Reason.CHOICE and asks_not_to_be_tracked(request):
        return None  # this request's own signal is recorded only after the response
    return Permission(decision, salt, unix_ns(now) // 1_000_000)


def session_tag(request: HttpRequest) -> str:
    """Tag of the browser session. It prevents a page of an earlier session from sending as the current person."""
    return salted_hmac("analytics.collect.relay.page", session_key(request), algorithm="sha256").hexdigest()[:32]


def is_of_this_session(request: HttpRequest, claimed: str) -> bool:
    return constant_time_compare(session_tag(request), claimed)


def session_key(request: HttpRequest) -> str:
    return request.session.session_key or ""


def identity(request: HttpRequest, user: Person, permission: Permission) -> dict[str, str]:
    """Attributes that a browser adds to spans for another collector: pseudonyms, and a voucher if there is a key."""
    organization, of_person = organization_of(user), pseudonym(Kind.USER, user.pk, permission.salt)
    found = {
        vocabulary.USER_ID: str(of_person),
        vocabulary.SESSION_ID: str(pseudonym(Kind.SESSION, session_key(request), permission.salt)),
    }
    if organization is not None:
        found[vocabulary.ORGANIZATION_ID] = str(pseudonym(Kind.ORGANIZATION, organization))
    now = from_unix_us(permission.now_ms * 1000)
    until = now + timedelta(seconds=IDENTITY_SECONDS)
    vouched = voucher(of_person, since=permission.decision.since or now, now=now, until=until)
    if vouched is not None:
        found[vocabulary.VOUCHER] = vouched
    return found
