"""Authentication with a brake on guessing, in one place: page, admin and API cannot be played against each other."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts import throttle
from accounts.models import User


class TooManyAttempts(PermissionDenied):
    """Too many failed attempts; try again later."""


class ThrottledBackend(ModelBackend):
    """Django's own check of the password, behind the brakes. The right password does not help while they are on."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        name = username or kwargs.get(User.USERNAME_FIELD) or ""
        if request is None or not name or password is None:
            return _as_user(super().authenticate(request, username=name, password=password, **kwargs))
        if (wait := throttle.seconds_to_wait(request, name)) is not None:
            # Read by the views, to say how long.
            request.sign_in_wait_seconds = wait  # type: ignore[attr-defined]
            raise TooManyAttempts
        user = _as_user(super().authenticate(request, username=name, password=password, **kwargs))
        if user is None:
            throttle.note_failure(request, name)
        else:
            throttle.note_success(request, name)
        return user


def _as_user(found: Any) -> User | None:
    return found if isinstance(found, User) else None
