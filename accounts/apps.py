from datetime import UTC
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.utils import timezone

DJANGOS_RECEIVER = "update_last_login"


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        user_logged_in.disconnect(dispatch_uid=DJANGOS_RECEIVER)
        user_logged_in.connect(note_day_of_sign_in, dispatch_uid=DJANGOS_RECEIVER)


def note_day_of_sign_in(sender: Any, user: Any, **_: Any) -> None:
    """Store the UTC day of the last sign-in, in place of Django's exact time, which would link rows to the person."""
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if user.last_login != today:
        user.last_login = today
        user.save(update_fields=["last_login"])
