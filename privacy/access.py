"""Access log: what staff looked at. Code that shows people's data to staff calls `record` first."""

from typing import cast
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from privacy.models import Access, AccessEvent


def record(
    request: HttpRequest, access: Access, what: str, *, about: UUID | None = None, lines: int | None = None
) -> None:
    """Add a log line: the request's user did `access` to `what`, such as "consent events" or "report retention".

    `about` is the person whose data it was, if the page names them; never the person behind a pseudonym. Raises
    django.db.DatabaseError; the caller must then show nothing.
    """
    AccessEvent.objects.create(
        actor_id=cast("User", request.user).pk,  # every admin page requires a sign-in
        access=access,
        what=what,
        about_id=about,
        lines=lines,
        recorded_at=timezone.now(),
    )
    request.access_recorded = True  # type: ignore[attr-defined]


def was_recorded(request: HttpRequest) -> bool:
    """Whether `record` was called for this request."""
    return getattr(request, "access_recorded", False)
