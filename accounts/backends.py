"""Password authentication with a throttle, shared by the sign-in page, the admin and the API."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts import throttle
from accounts.models import Organization, User

# `privacy` asks it about an object with `organization_id`, the organization's key as text.
CHANGE_POLICY = "privacy.change_organizationpolicy"


class TooManyAttempts(PermissionDenied):
    """Too many failed attempts; try again later."""


class ThrottledBackend(ModelBackend):
    """Django's password check behind the throttle. While throttled, even the right password is rejected."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        name = username or kwargs.get(User.USERNAME_FIELD) or ""
        if not name or password is None:
            return None
        if (wait := throttle.begin_attempt(request, name)) is not None:
            if request is not None:
                # The views show this to the person.
                request.sign_in_wait_seconds = wait  # type: ignore[attr-defined]
            raise TooManyAttempts
        user = _as_user(super().authenticate(request, username=name, password=password, **kwargs))
        if user is not None:
            throttle.attempt_succeeded(request, name)
        return user

    async def aauthenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        # Django's own version would check the password without the throttle.
        return await sync_to_async(self.authenticate)(request, username=username, password=password, **kwargs)

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Django's answer; for the policy of an organization, whether the user is one of its administrators."""
        if perm != CHANGE_POLICY or obj is None:
            return bool(super().has_perm(user_obj, perm, obj))
        user = _as_user(user_obj)
        # An administrator who has left the organization is none.
        own = user.organization_id if user is not None and user.is_active else None
        if own is None or str(own) != obj.organization_id:
            return False
        return Organization.objects.filter(pk=own, administrators=user).exists()


def _as_user(found: Any) -> User | None:
    return found if isinstance(found, User) else None
