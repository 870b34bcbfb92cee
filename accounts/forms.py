"""The sign-in form, with an error message for throttled attempts."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError


class SignInForm(AuthenticationForm):
    """Django's form with an error for too many attempts. The admin's sign-in page uses it too."""

    def get_invalid_login_error(self) -> ValidationError:
        wait: int | None = getattr(self.request, "sign_in_wait_seconds", None)
        if wait is None:
            return super().get_invalid_login_error()
        minutes = -(-wait // 60)
        return ValidationError(
            f"Too many failed attempts. Please try again in {minutes} minute{'' if minutes == 1 else 's'}.",
            code="too_many_attempts",
        )

    @property
    def throttled(self) -> bool:
        errors: Any = self.non_field_errors().as_data()
        return any(error.code == "too_many_attempts" for error in errors)
