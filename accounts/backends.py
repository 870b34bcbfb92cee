"""Authentication with a brake on guessing, in one place: page, admin and API cannot be played against each other."""

from typing import Any

from asgiref.sync import sync_to_async
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
        if not name or password is None:
            return None
        if (wait := throttle.begin_attempt(request, name)) is not None:
            if request is not None:
                # Read by the views, to say how long.
                request.sign_in_wait_seconds = wait  # type: ignore[attr-defined]
            raise TooManyAttempts
        user = _as_user(super().authenticate(request, username=name, password=password, **kwargs))
        if user is not None:
            throttle.attempt_succeeded(request, name)
        return user

    async def aauthenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        # Django's own would look at the password without the brakes.
        return await sync_to_async(self.authenticate)(request, username=username, password=password, **kwargs)


def _as_user(found: Any) -> User | None:
    return found if isinstance(found, User) else None
