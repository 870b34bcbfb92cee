"""Numbered errors for environment words that were not understood.

privacy.E001  DEPLOYMENT_TYPE is none of cloud, self_hosted.
privacy.E002  DO_NOT_TRACK is neither a yes nor a no.
privacy.E003  OTEL_SDK_DISABLED is neither a yes nor a no.
privacy.E010  The admin site does not record what staff look at.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from privacy.switches import FALSE_WORDS, TRUE_WORDS, parse_deployment_type


@register("privacy")
def check_switches(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    if parse_deployment_type(settings.DEPLOYMENT_TYPE) is None:
        errors.append(
            Error(
                f"DEPLOYMENT_TYPE is {settings.DEPLOYMENT_TYPE!r}; it must be cloud or self_hosted.",
                hint="Until it is mended the installation counts as self_hosted, where sharing is off by default.",
                id="privacy.E001",
            )
        )
    for number, name in ((2, "DO_NOT_TRACK"), (3, "OTEL_SDK_DISABLED")):
        word: str = getattr(settings, name)
        if word.strip().lower() not in TRUE_WORDS | FALSE_WORDS:
            errors.append(
                Error(
                    f"{name} is {word!r}; it must be true or false.",
                    hint="Until it is mended nothing is collected.",
                    id=f"privacy.E{number:03}",
                )
            )
    return errors


@register("privacy")
def check_admin_site(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    from django.contrib import admin

    from privacy.recorded_admin import RecordedAdminSite

    if isinstance(admin.site, RecordedAdminSite):
        return []
    return [
        Error(
            "The admin does not record what staff look at.",
            hint="In INSTALLED_APPS, replace 'django.contrib.admin' by 'privacy.admin_config.RecordedAdminConfig'.",
            id="privacy.E010",
        )
    ]
