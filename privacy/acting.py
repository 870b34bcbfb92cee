"""Ledger lines for changes to an account's password, user name, e-mail address and activation.

Anybody who knows a person's password can act as that person, so the ledger of choices must show who set it. Model
signals add these lines, so pages, admin and commands cannot forget them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest

from privacy.choices import note_account_change
from privacy.keys import Key
from privacy.models import Action, Source
from privacy.people import Person, resolved_user

_request: ContextVar[HttpRequest | None] = ContextVar("privacy_acting_request", default=None)
_BEFORE = "_privacy_before"


@contextmanager
def acting_in(request: HttpRequest) -> Iterator[None]:
    """Context in which account changes are attributed to the user of `request`."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def actor_and_source(about: Key) -> tuple[Key | None, Source]:
    """Who changes the account `about`, and from where. Without a request, a command does."""
    request = _request.get()
    if request is None:
        return None, Source.COMMAND
    actor = resolved_user(request)
    if actor is None or actor.pk == about:
        return (actor.pk if actor else None), Source.ACCOUNT_PAGE
    return actor.pk, Source.ADMIN


def _names() -> tuple[str, str]:
    """The fields by which an account is addressed."""
    model = get_user_model()
    return model.USERNAME_FIELD, model.get_email_field_name()


def _watched() -> set[str]:
    """Columns of the user model whose changes are noted."""
    columns = {field.name for field in get_user_model()._meta.concrete_fields}
    return {"password", "is_active", *_names()} & columns


def before_account_change(*, instance: Person, update_fields: Any = None, using: str, **_: Any) -> None:
    """Receiver of `pre_save`: remember the stored values of `_watched`. A save of other columns costs no query."""
    watched = _watched() if update_fields is None else _watched().intersection(update_fields)
    stored = None
    if watched and not instance._state.adding:
        stored = get_user_model()._base_manager.using(using).filter(pk=instance.pk).values(*sorted(watched)).first()
    setattr(instance, _BEFORE, stored)


def after_account_change(*, instance: Person, created: bool, **_: Any) -> None:
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


def _changes(instance: Person, before: dict[str, Any]) -> Iterator[Action]:
    if "password" in before and before["password"] != instance.password and not getattr(instance, "is_rehashed", False):
        yield Action.PASSWORD_SET
    if any(name in before and before[name] != getattr(instance, name) for name in _names()):
        yield Action.ACCOUNT_CHANGED
    if "is_active" in before and before["is_active"] != instance.is_active:
        yield Action.ACCOUNT_ACTIVATED if instance.is_active else Action.ACCOUNT_DEACTIVATED
