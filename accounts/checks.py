"""Numbered errors for the brakes on guessing.

accounts.E001  SIGN_IN_FAILURES_PER_ACCOUNT is no rate.
accounts.E002  SIGN_IN_FAILURES_PER_ADDRESS is no rate.
accounts.E003  SESSION_TOKEN_HOURS is no number of hours.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

RATE = re.compile(r"[1-9]\d{0,5}/(second|minute|hour|day)")


@register("accounts")
def check_brakes(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    for number, name in ((1, "SIGN_IN_FAILURES_PER_ACCOUNT"), (2, "SIGN_IN_FAILURES_PER_ADDRESS")):
        value: str = getattr(settings, name)
        if not RATE.fullmatch(value):
            errors.append(
                Error(f"{name} is {value!r}; it must be a rate such as 10/hour.", id=f"accounts.E{number:03}")
            )
    if settings.SESSION_TOKEN_HOURS_UNREADABLE:
        errors.append(
            Error("SESSION_TOKEN_HOURS must be a whole number from 1 to 8760; 10 is used.", id="accounts.E003")
        )
    return errors
