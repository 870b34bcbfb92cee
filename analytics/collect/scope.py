"""Whose request or job is running here: what `track_*` asks, and what the middleware and `telemetry_for` say."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

from django.http import HttpRequest

from accounts.models import User
from accounts.requests import resolved_user
from analytics.collect.quietly import swallow
from analytics.collect.records import RecordedSpan, Subject
from analytics.events import Event, Metadata
from analytics.exceptions import NobodysTelemetry
from privacy.elapsed import elapsed_ns

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
    """What was tracked inside one request. It waits until the request's end, when it is known whose it is."""

    # Set where the request itself forgets who it was of: signing out, and signing in without a browser session.
    user: User | None = None
    tracked: list[Tracked] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class JobScope:
    """A background job done for one person."""

    person: Subject


# A request stands here by itself and gets a scope when something is tracked in it: most have nothing to track.
_current: ContextVar[HttpRequest | JobScope | None] = ContextVar("telemetry_scope", default=None)
enter = _current.set
leave = _current.reset
_NOTHING = RequestScope()


def current_scope() -> RequestScope | JobScope | None:
    """Where the caller's events go; None outside of any request or job."""
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
    """What was tracked inside `request`, to be read only."""
    scope: RequestScope = request.__dict__.get(_ATTRIBUTE, _NOTHING)
    return scope


def settle(request: HttpRequest, subject: Subject) -> list[Tracked]:
    """The events that waited for the request's person. Later ones, of its body or of its tasks, do not wait."""
    request.__dict__[_SETTLED] = subject
    scope = scope_of(request)
    if not scope.tracked:
        return scope.tracked
    waiting, scope.tracked = scope.tracked, []
    return waiting


def person_of(request: HttpRequest) -> User | None:
    """Whose request it is, if the site has found out already. Never asks the database."""
    return scope_of(request).user or resolved_user(request)


@contextmanager
def telemetry_for(user: User | UUID) -> Iterator[None]:
    """In a background job: what is tracked inside is this person's. Given an id, no organization is recorded.

    What they consented to counts from the moment of entering. Raises NobodysTelemetry for what is no user, under DEBUG
    and in tests; in production nothing is recorded inside.
    """
    subject = _subject(user)
    token = enter(None if subject is None else JobScope(subject))
    try:
        yield
    finally:
        leave(token)


def _subject(user: object) -> Subject | None:
    """None for what is nobody, such as the user of a job who has been deleted since."""
    if isinstance(user, UUID):
        return Subject(user, None, time.time_ns(), elapsed_ns())
    if isinstance(user, User) and isinstance(user.pk, UUID):
        return Subject(user.pk, user.organization_id, time.time_ns(), elapsed_ns())
    swallow(NobodysTelemetry("telemetry_for() wants a user, or the id of one"))
    return None
