"""Numbered checks of the switches that `privacy.switches` declares, and of how a project installs `privacy`:

privacy.W001  OTEL_SDK_DISABLED switches telemetry off although an endpoint is set.
privacy.W002  OTEL_TRACES_EXPORTER switches telemetry off although an endpoint is set.
privacy.W003  OTEL_CONFIG_FILE switches telemetry off although an endpoint is set.
privacy.E004  PrivacyMiddleware is not installed.
privacy.E005  PrivacyMiddleware is placed before AuthenticationMiddleware.
privacy.E006  The context processor of the notice is not installed.
privacy.E007  The database of choices is not PostgreSQL.
privacy.E010  The admin site does not record what staff look at.
privacy.E012  The user model's key is neither a UUID, a whole number nor a text.
privacy.E013  Another package named analytics hides ours. Raised by `privacy.apps` when Django starts.
privacy.E014  Django is too old. Also raised there.
privacy.E015  TelemetryMiddleware is installed without the app analytics. Also raised there.
privacy.E016  TELEMETRY_ORGANIZATION_FIELD names no column of the user model.
privacy.E017  The URLs of privacy are missing.
privacy.E018  The template that the pages extend is missing.
privacy.E019  TELEMETRY_FIRST_NOTICE is no pair of texts.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  Django's name for it
from django.db import connections, router
from django.db.models import CharField, IntegerField, Model, TextField, UUIDField
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils.module_loading import import_string

from privacy.declared import findings, from_django
from privacy.installation import own_notice
from privacy.organizations import is_misnamed
from privacy.pages import base_template
from privacy.people import key_field
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
                hint=f"To collect usage data, unset it for this process: env --unset={setting.name} ...",
                id=number,
            )


PRIVACY_MIDDLEWARE = "privacy.middleware.PrivacyMiddleware"
CONTEXT_PROCESSOR = "privacy.context_processors.privacy_notice"


@register("privacy")
def check_seams(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Findings about the middleware, context processor, database engine and user model of a project's settings."""
    return [
        *_middleware(),
        *_context_processor(),
        *wrong_engine(_database(), number="privacy.E007"),
        *_user_key(get_user_model()),
        *_organization(),
        *missing_urls("privacy.urls", "privacy-settings", number="privacy.E017"),
        *_base_template(),
        *_first_notice(),
    ]


def _first_notice() -> Iterator[CheckMessage]:
    if getattr(settings, "TELEMETRY_FIRST_NOTICE", None) is not None and own_notice() is None:
        yield Error(
            "TELEMETRY_FIRST_NOTICE must be a title of at most 200 characters and a body. Until it is corrected, "
            "`migrate` makes the notice of Rhesis.",
            hint='In the settings: TELEMETRY_FIRST_NOTICE = ("Usage data helps us improve Shop", "We record ...")',
            id="privacy.E019",
        )


def _organization() -> Iterator[CheckMessage]:
    if is_misnamed():
        yield Error(
            "TELEMETRY_ORGANIZATION_FIELD names no column of the user model, so no policy of an organization can be "
            "obeyed. Until it is corrected, nothing is collected from anybody.",
            hint="In the settings, remove the line, or name a field of the user model: "
            'TELEMETRY_ORGANIZATION_FIELD = "organization"',
            id="privacy.E016",
        )


def missing_urls(module: str, name: str, *, number: str) -> Iterator[CheckMessage]:
    """An error if the URL of this name does not lead to the view of this name."""
    with suppress(NoReverseMatch, Resolver404):
        if resolve(reverse(name)).url_name == name:
            return
    yield Error(
        f"The URLs of {module} are missing, or others come before them.",
        hint=f'In {settings.ROOT_URLCONF}, in urlpatterns, before the admin, add path("", include("{module}")),',
        id=number,
    )


def _base_template() -> Iterator[CheckMessage]:
    try:
        get_template(base_template())
    except TemplateDoesNotExist:
        yield Error(
            f"There is no template {base_template()}, which Settings -> Privacy extends.",
            hint='Add it as docs/adopt.md shows it, or name yours: TELEMETRY_BASE_TEMPLATE = "shop/base.html"',
            id="privacy.E018",
        )
    except TemplateSyntaxError:
        return  # Django names the line when it shows the page


def _user_key(model: type[Model]) -> Iterator[CheckMessage]:
    if not isinstance(key_field(model), UUIDField | IntegerField | CharField | TextField):
        yield Error(
            f"The key of {model._meta.label} is neither a UUID, a whole number nor a text, so nothing can be recorded.",
            hint="In the user model: id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)",
            id="privacy.E012",
        )


def _middleware() -> Iterator[CheckMessage]:
    ours, known = place_of(PRIVACY_MIDDLEWARE), place_of("django.contrib.auth.middleware.AuthenticationMiddleware")
    if ours is None:
        yield Error(
            "PrivacyMiddleware is not installed, so shown notices and browsers' Sec-GPC signals are not recorded.",
            hint=f'In MIDDLEWARE, after AuthenticationMiddleware, add "{PRIVACY_MIDDLEWARE}",',
            id="privacy.E004",
        )
    elif known is not None and ours < known:
        yield Error(
            "PrivacyMiddleware must come after AuthenticationMiddleware, which identifies the person.",
            hint=f'In MIDDLEWARE, after AuthenticationMiddleware, put "{PRIVACY_MIDDLEWARE}",',
            id="privacy.E005",
        )


def _context_processor() -> Iterator[CheckMessage]:
    engines: list[dict[str, Any]] = settings.TEMPLATES
    installed = [path for engine in engines for path in engine.get("OPTIONS", {}).get("context_processors", [])]
    if CONTEXT_PROCESSOR not in installed:
        yield Error(
            "The context processor of the privacy notice is not installed, so nobody is shown the notice.",
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
            f"The database {alias!r} is not PostgreSQL. The ledger, partitions and COPY need PostgreSQL.",
            hint=f'In DATABASES["{alias}"]: "ENGINE": "django.db.backends.postgresql",',
            id=number,
        )


def place_of(path: str) -> int | None:
    """Index in MIDDLEWARE of the first class that is, or derives from, the class at `path`; None if absent."""
    wanted = import_string(path)
    for place, each in enumerate(settings.MIDDLEWARE):
        try:
            found = import_string(each)
        except ImportError:
            continue  # Django raises for it when it loads the middleware
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
            hint="In INSTALLED_APPS, replace 'django.contrib.admin' with 'privacy.admin_config.RecordedAdminConfig'.",
            id="privacy.E010",
        )
    ]
