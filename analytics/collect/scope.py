"""Whose request or job is running here: what `track_*` asks, and what the middleware and `telemetry_for` say."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from accounts.models import User
from accounts.requests import resolved_user
from analytics.collect.records import RecordedSpan, Subject
from analytics.vocabulary import Category

MAXIMUM_EVENTS_A_REQUEST = 200


@dataclass(frozen=True, slots=True)
class Event:
    """Something tracked inside a request whose person may not be known yet."""

    category: Category
    what: tuple[Any, ...]
    metadata: dict[str, int | float | bool | str]
    at_ns: int

    def of(self, subject: Subject) -> RecordedSpan:
        return RecordedSpan(
            subject, self.category, self.what, start_ns=self.at_ns, end_ns=self.at_ns, metadata=self.metadata
        )


@dataclass(slots=True)
class RequestScope:
    """One request. Its events wait until its end, when it is known whose they are."""

    request: HttpRequest
    began_ns: int
    # Set where the request itself forgets who it was of: signing out, and signing in without a browser session.
    user: User | None = None
    events: list[Event] = field(default_factory=list)

    def subject(self) -> Subject | None:
        """Whose request it is, if the site has found out already. Never asks the database."""
        user = self.user or resolved_user(self.request)
        return None if user is None else Subject(user.pk, user.organization_id, self.began_ns)


@dataclass(frozen=True, slots=True)
class JobScope:
    """A background job done for one person."""

    person: Subject


Scope = RequestScope | JobScope
_current: ContextVar[Scope | None] = ContextVar("telemetry_scope", default=None)
current_scope = _current.get
enter = _current.set
leave = _current.reset


@contextmanager
def telemetry_for(user: User | UUID) -> Iterator[None]:
    """In a background job: what is tracked inside is this person's. Given an id, no organization is recorded.

    What they consented to counts from the moment of entering.
    """
    subject = (
        Subject(user, None, time.time_ns())
        if isinstance(user, UUID)
        else Subject(user.pk, user.organization_id, time.time_ns())
    )
    token = enter(JobScope(subject))
    try:
        yield
    finally:
        leave(token)
