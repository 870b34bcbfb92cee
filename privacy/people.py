"""People: users of the project's own model, whichever that is. Types name its usual base class."""

from typing import Any, TypeAlias, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AbstractUser
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from privacy.keys import Key

Person: TypeAlias = AbstractUser


def resolved_user(request: HttpRequest) -> Person | None:
    """The signed-in user, if this request has loaded it already; None otherwise, or if nobody is signed in.

    Never queries the database. Django REST framework sets token users as `user`, Django Ninja sets what its
    authentication returned as `auth`. A session user is a lazy object, which is used only if already evaluated.
    """
    state = request.__dict__
    if is_person(state.get("auth")):
        return cast(Person, state["auth"])
    user = state.get("user")
    if isinstance(user, LazyObject):
        user = user.__dict__.get("_wrapped")
    if user is None or user is empty:
        user = state.get("_cached_user") or state.get("_acached_user")
    return user if is_person(user) else None


def is_person(user: object) -> bool:
    """Whether this is a user of the project's model; AnonymousUser is not."""
    return isinstance(user, AbstractBaseUser)


def active_people() -> QuerySet[Any]:
    """Users who may sign in; all of them, if the model has no column that says so."""
    model = get_user_model()
    people = model._default_manager.using(DEFAULT_DB_ALIAS)
    has_column = any(field.name == "is_active" for field in model._meta.concrete_fields)
    return people.filter(is_active=True) if has_column else people.all()


def key_field(model: type[Model]) -> Field[Any, Any]:
    """The field whose type the model's key has. A key that is a foreign key has the type of the key it refers to."""
    field: Field[Any, Any] = model._meta.pk
    while isinstance(field, ForeignKey):
        field = field.target_field
    return field


def key_of(value: object) -> Key | None:
    """The value as a key of the project's user model; None if no user can have it."""
    try:
        key: Key = key_field(get_user_model()).clean(value, None)
    except ValidationError:
        return None
    return None if isinstance(key, str) and "\0" in key else key


def find_user(name_or_id: str) -> Person:
    """The user by name, else by id. Raises CommandError (exit code 2), whose message does not repeat the input."""
    model = get_user_model()
    user = model._default_manager.filter(**{model.USERNAME_FIELD: name_or_id}).first()
    if user is None and (key := key_of(name_or_id)) is not None:
        user = model._default_manager.filter(pk=key).first()
    if user is None:
        raise CommandError("no such user; enter a user name or a user id (not a pseudonym)", returncode=2)
    return user
