"""Numbered errors of the installation's switches, which `privacy.switches` declares, and:

privacy.W001  OTEL_SDK_DISABLED switches telemetry off, although there is an endpoint.
privacy.W002  OTEL_TRACES_EXPORTER does.
privacy.W003  OTEL_CONFIG_FILE does.
privacy.E010  The admin site does not record what staff look at.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  Django's name for it

from privacy.declared import findings, from_django
from privacy.switches import ENDPOINT, OFF_SWITCHES_OF_THE_HOST, SETTINGS


@register("privacy")
def check_switches(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*findings(SETTINGS), *_switched_off_by_the_host()]


def _switched_off_by_the_host() -> Iterator[CheckMessage]:
    if not ENDPOINT.value:
        return
    for number, setting in OFF_SWITCHES_OF_THE_HOST.items():
        if setting.value and setting.problem(from_django) is None:
            yield Warning(
                f"{setting.name} switches telemetry off for everyone, although {ENDPOINT.name} is set.",
                hint=f"If that is not what you want, unset it for this process: env --unset={setting.name} ...",
                id=number,
            )


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
