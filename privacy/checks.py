"""Numbered errors of the installation's switches, which `privacy.switches` declares, and:

privacy.W001  OTEL_SDK_DISABLED switches telemetry off, although there is an endpoint.
privacy.W002  OTEL_TRACES_EXPORTER does.
privacy.W003  OTEL_CONFIG_FILE does.
privacy.E004  PrivacyMiddleware is not installed.
privacy.E005  PrivacyMiddleware stands before what it needs.
privacy.E006  The context processor of the notice is not installed.
privacy.E007  The database of choices is not PostgreSQL.
privacy.E010  The admin site does not record what staff look at.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  Django's name for it
from django.db import connections, router
from django.utils.module_loading import import_string

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


PRIVACY_MIDDLEWARE = "privacy.middleware.PrivacyMiddleware"
CONTEXT_PROCESSOR = "privacy.context_processors.privacy_notice"


@register("privacy")
def check_seams(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Findings about the middleware, context processor and database engine of a project's settings."""
    return [*_middleware(), *_context_processor(), *wrong_engine(_database(), number="privacy.E007")]


def _middleware() -> Iterator[CheckMessage]:
    ours, known = place_of(PRIVACY_MIDDLEWARE), place_of("django.contrib.auth.middleware.AuthenticationMiddleware")
    if ours is None:
        yield Error(
            "PrivacyMiddleware is not installed: neither the notice nor a browser's Sec-GPC is noted.",
            hint=f'In MIDDLEWARE, after AuthenticationMiddleware, add "{PRIVACY_MIDDLEWARE}",',
            id="privacy.E004",
        )
    elif known is not None and ours < known:
        yield Error(
            "PrivacyMiddleware must come after AuthenticationMiddleware: before it, nobody is known.",
            hint=f'In MIDDLEWARE, after AuthenticationMiddleware, put "{PRIVACY_MIDDLEWARE}",',
            id="privacy.E005",
        )


def _context_processor() -> Iterator[CheckMessage]:
    engines: list[dict[str, Any]] = settings.TEMPLATES
    installed = [path for engine in engines for path in engine.get("OPTIONS", {}).get("context_processors", [])]
    if CONTEXT_PROCESSOR not in installed:
        yield Error(
            "The context processor of the privacy notice is not installed: nobody is shown the notice.",
            hint=f'In TEMPLATES, in OPTIONS["context_processors"], add "{CONTEXT_PROCESSOR}",',
            id="privacy.E006",
        )


def _database() -> str:
    from privacy.models import Preference

    return router.db_for_write(Preference)


def wrong_engine(alias: str, *, number: str) -> Iterator[CheckMessage]:
    """An error if the database of this alias is not PostgreSQL."""
    if connections[alias].vendor != "postgresql":
        yield Error(
            f"The database {alias!r} is not PostgreSQL, which the ledger, partitions and COPY need.",
            hint=f'In DATABASES["{alias}"]: "ENGINE": "django.db.backends.postgresql",',
            id=number,
        )


def place_of(path: str) -> int | None:
    """The place in MIDDLEWARE of the first that is the class of this path or made from it; None if there is none."""
    wanted = import_string(path)
    for place, each in enumerate(settings.MIDDLEWARE):
        try:
            found = import_string(each)
        except ImportError:
            continue  # Django says so itself, when it loads it
        if isinstance(found, type) and issubclass(found, wanted):
            return place
    return None


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
