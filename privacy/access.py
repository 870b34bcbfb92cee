"""The log of what staff looked at. Whoever shows staff other people's data calls `record` before it is shown."""

from typing import cast
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from privacy.models import Access, AccessEvent


def record(
    request: HttpRequest, access: Access, what: str, *, about: UUID | None = None, lines: int | None = None
) -> None:
    """Add a line: the request's user did `access` to `what`, such as "consent events" or "report retention".

    `about` is whose data it was, where the page itself says whose; never the person behind a pseudonym. Raises
    django.db.DatabaseError: what cannot be recorded must not be shown.
    """
    AccessEvent.objects.create(
        actor_id=cast("User", request.user).pk,  # the admin lets nobody in who has not signed in
        access=access,
        what=what,
        about_id=about,
        lines=lines,
        recorded_at=timezone.now(),
    )
    request.access_recorded = True  # type: ignore[attr-defined]


def was_recorded(request: HttpRequest) -> bool:
    """Whether this request has left a line already."""
    return getattr(request, "access_recorded", False)
