"""Numbered errors of the installation's switches, which `privacy.switches` declares, and:

privacy.E010  The admin site does not record what staff look at.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from privacy.declared import findings
from privacy.switches import SETTINGS


@register("privacy")
def check_switches(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return findings(SETTINGS)


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
