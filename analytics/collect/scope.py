"""The current request or job, set by the middleware and `telemetry_for`, and read by `track_*`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from analytics.collect.quietly import swallow
from analytics.collect.records import RecordedSpan, Subject
from analytics.events import Event, Metadata
from analytics.exceptions import NobodysTelemetry
from privacy.elapsed import elapsed_ns
from privacy.keys import Key
from privacy.organizations import organization_of
from privacy.people import Person, key_of, resolved_user

MAXIMUM_EVENTS_A_REQUEST = 200
_ATTRIBUTE = "_telemetry_scope"
_SETTLED = "_telemetry_settled"


@dataclass(frozen=True, slots=True)
class Tracked:
    """An event tracked inside a request whose person may not be known yet."""

    event: Event
    session_key: str | None
    metadata: Metadata
    at_ns: int

    def of(self, subject: Subject) -> RecordedSpan:
        return RecordedSpan(
            subject,
            self.event,
            start_ns=self.at_ns,
            end_ns=self.at_ns,
            session_key=self.session_key,
            metadata=self.metadata,
        )


@dataclass(slots=True)
class RequestScope:
    """Events tracked in one request, which wait for its end, when the person is known."""

    # Set by sign-outs, and by sign-ins without a session, after which the request itself has no user.
    user: Person | None = None
    tracked: list[Tracked] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class JobScope:
    """A background job done for one person."""

    person: Subject


# Holds the request itself, which gets a scope only when an event is tracked in it.
_current: ContextVar[HttpRequest | JobScope | None] = ContextVar("telemetry_scope", default=None)
enter = _current.set
leave = _current.reset
_NOTHING = RequestScope()


def current_scope() -> RequestScope | JobScope | None:
    """Scope of the caller's events; None outside of requests and jobs."""
    current = _current.get()
    if not isinstance(current, HttpRequest):
        return current
    settled: Subject | None = current.__dict__.get(_SETTLED)
    if settled is not None:
        return JobScope(settled)
    scope: RequestScope | None = current.__dict__.get(_ATTRIBUTE)
    if scope is None:
        scope = RequestScope()
        setattr(current, _ATTRIBUTE, scope)
    return scope


def scope_of(request: HttpRequest) -> RequestScope:
    """Read-only scope of `request`."""
    scope: RequestScope = request.__dict__.get(_ATTRIBUTE, _NOTHING)
    return scope


def settle(request: HttpRequest, subject: Subject) -> list[Tracked]:
    """Return the waiting events, now that the person is known. Later events do not wait."""
    request.__dict__[_SETTLED] = subject
    scope = scope_of(request)
    if not scope.tracked:
        return scope.tracked
    waiting, scope.tracked = scope.tracked, []
    return waiting


def person_of(request: HttpRequest) -> Person | None:
    """The request's person, if the site has loaded them already. Never queries the database."""
    return scope_of(request).user or resolved_user(request)


@contextmanager
def telemetry_for(user: Person | Key) -> Iterator[None]:
    """In a background job: attribute the block's events to `user`. With an id, no organization is recorded.

    Consent must exist when the block begins. Raises NobodysTelemetry if `user` is none, under DEBUG and in tests; in
    production the block records nothing.
    """
    subject = _subject(user)
    token = enter(None if subject is None else JobScope(subject))
    try:
        yield
    finally:
        leave(token)


def _subject(user: object) -> Subject | None:
    """None if `user` is not a user, for instance one deleted since."""
    if isinstance(user, UUID | int | str):
        # An id of another type, such as a UUID's text, would be another person's pseudonym.
        if type(user) is type(key_of(user)):
            return Subject(user, None, time.time_ns(), elapsed_ns())
    elif isinstance(user, AbstractBaseUser) and user.pk is not None:
        return Subject(user.pk, organization_of(user), time.time_ns(), elapsed_ns())
    swallow(NobodysTelemetry("telemetry_for() wants a user, or the id of one"))
    return None
