"""Access log: what staff looked at. Code that shows people's data to staff calls `record` first."""

from typing import Any, cast

from django.http import HttpRequest
from django.utils import timezone

from privacy.keys import Key
from privacy.models import Access, AccessEvent
from privacy.people import Person


def record(
    request: HttpRequest, access: Access, what: str, *, about: Key | None = None, lines: int | None = None
) -> None:
    """Add a log line: the request's user did `access` to `what`, such as "consent events" or "report retention".

    A service has no user; `what` names its token. `about` is the person whose data it was, if the page names them;
    never the person behind a pseudonym. Raises django.db.DatabaseError; the caller must then show nothing.
    """
    record_of(cast("Person", request.user).pk, access, what, about=about, lines=lines)
    request.access_recorded = True  # type: ignore[attr-defined]


def record_of(actor_id: Any, access: Access, what: str, *, about: Key | None = None, lines: int | None = None) -> None:
    """The same outside of requests, for the user with this key; None is a service."""
    AccessEvent.objects.create(
        actor_id=actor_id, access=access, what=what, about_id=about, lines=lines, recorded_at=timezone.now()
    )


def was_recorded(request: HttpRequest) -> bool:
    """Whether `record` was called for this request."""
    return getattr(request, "access_recorded", False)
