"""Ledger lines for changes to an account's password, user name, e-mail address and activation.

Anybody who knows a person's password can act as that person, so the ledger of choices must show who set it. Model
signals add these lines, so pages, admin and commands cannot forget them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from accounts.models import User
from accounts.requests import resolved_user
from privacy.choices import note_account_change
from privacy.models import Action, Source

_request: ContextVar[HttpRequest | None] = ContextVar("privacy_acting_request", default=None)
WATCHED = frozenset({"password", "username", "email", "is_active"})
_BEFORE = "_privacy_before"


@contextmanager
def acting_in(request: HttpRequest) -> Iterator[None]:
    """Context in which account changes are attributed to the user of `request`."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def actor_and_source(about: UUID) -> tuple[UUID | None, Source]:
    """Who changes the account `about`, and from where. Without a request, a command does."""
    request = _request.get()
    if request is None:
        return None, Source.COMMAND
    actor = resolved_user(request)
    if actor is None or actor.pk == about:
        return (actor.pk if actor else None), Source.ACCOUNT_PAGE
    return actor.pk, Source.ADMIN


def before_account_change(*, instance: User, update_fields: Any = None, using: str, **_: Any) -> None:
    """Receiver of `pre_save`: remember the stored values of WATCHED. A save of other columns costs no query."""
    watched = WATCHED if update_fields is None else WATCHED.intersection(update_fields)
    stored = None
    if watched and not instance._state.adding:
        stored = User.objects.using(using).filter(pk=instance.pk).values(*sorted(watched)).first()
    setattr(instance, _BEFORE, stored)


def after_account_change(*, instance: User, created: bool, **_: Any) -> None:
    """Receiver of `post_save`: add a ledger line for each change."""
    before: dict[str, Any] | None = instance.__dict__.pop(_BEFORE, None)
    actor_id, source = actor_and_source(instance.pk)
    if created:
        # Staff know the first password of an account they create.
        by_staff = source is Source.ADMIN and instance.has_usable_password()
        actions = [Action.PASSWORD_SET] if by_staff else []
    else:
        actions = list(_changes(instance, before or {}))
    for action in actions:
        note_account_change(instance.pk, action, source=source, actor_id=actor_id)


def _changes(instance: User, before: dict[str, Any]) -> Iterator[Action]:
    if "password" in before and before["password"] != instance.password and not instance.is_rehashed:
        yield Action.PASSWORD_SET
    if any(name in before and before[name] != getattr(instance, name) for name in ("username", "email")):
        yield Action.ACCOUNT_CHANGED
    if "is_active" in before and before["is_active"] != instance.is_active:
        yield Action.ACCOUNT_ACTIVATED if instance.is_active else Action.ACCOUNT_DEACTIVATED
