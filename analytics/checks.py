"""Numbered checks of analytics' settings. Each setting declares its own; these concern several or the project:

analytics.E005  A catalogue file is missing, broken, or has a malformed or ownerless entry. Only a warning.
analytics.E030  TELEMETRY_SIGN_IN_METHODS names a missing backend, or a method that the catalogue lacks.
analytics.E034  OTEL_BSP_MAX_EXPORT_BATCH_SIZE is greater than OTEL_BSP_MAX_QUEUE_SIZE.
analytics.E035  A client certificate without its key, or TLS files that do not match.
analytics.E037  TelemetryMiddleware is not installed.
analytics.E038  TelemetryMiddleware is placed after a middleware that it must precede.
analytics.E039  A database named analytics without its router.
analytics.E040  The database of telemetry is not PostgreSQL.
analytics.E041  Django 6 without django.contrib.postgres.
analytics.E042  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT is not a number. Raised by `analytics.apps` when Django starts.
analytics.E043  OTEL_PYTHON_DJANGO_EXCLUDED_URLS is no list of patterns. Also raised there, with the stock instrumentor.
analytics.E046  Another package named privacy hides ours. Also raised there.
analytics.E049  TELEMETRY_VOUCHERS_REQUIRED without TELEMETRY_VOUCHER_KEY.
analytics.E050  The app privacy is not installed. Also raised there.
analytics.E051  The URLs of analytics are missing, or come after the admin's.
analytics.E054  TELEMETRY_ALERT_HOOK without TELEMETRY_ALERT_HOOK_SECRET.
analytics.W001  Events of the catalogue have expired.
analytics.W002  Events of the catalogue expire within 90 days.
analytics.W004  The stock instrumentor could not be installed.
analytics.W005  OTEL_EXPORTER_OTLP_ENDPOINT ends with /v1/traces, which is added again.
"""

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  Django's name for it
from django.utils.module_loading import import_string

from analytics import declared, otel
from analytics.catalogue import Catalogue, Declaration, current_catalogue, load_catalogue
from analytics.conf import SETTINGS, conf
from analytics.declared import VOUCHER_KEY, VOUCHERS_REQUIRED
from analytics.exceptions import CatalogueError
from analytics.router import AnalyticsRouter, analytics_database
from analytics.vocabulary import Category
from privacy.checks import PRIVACY_MIDDLEWARE, missing_urls, place_of, wrong_engine
from privacy.declared import findings, from_django
from privacy.switches import ENDPOINT, current_switches

EXPIRY_NOTICE = timedelta(days=90)


@register("analytics")
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        *findings(SETTINGS),
        *_whole_path(),
        *_sizes(),
        *_tls_files(),
        *_vouchers(),
        *_alert_hook(),
        *_catalogues(),
        *_stock_instrumentor(),
        *_seams(),
    ]


def _whole_path() -> Iterator[CheckMessage]:
    if conf.endpoint.rstrip("/").endswith("/v1/traces"):
        yield Warning(
            f"{ENDPOINT.name} ends with /v1/traces, and /v1/traces is added to it again.",
            hint="Remove /v1/traces, unless the collector's path has it twice.",
            id="analytics.W005",
        )


def _sizes() -> Iterator[CheckMessage]:
    batch = otel.BSP_BATCH.value
    if batch is not None and batch > conf.queue_capacity:
        yield Error(
            f"{otel.BSP_BATCH.name} is greater than {otel.BSP_QUEUE.name}, which is {conf.queue_capacity}.",
            hint="Until it is corrected, a batch is as large as the queue.",
            id="analytics.E034",
        )


def _tls_files() -> Iterator[CheckMessage]:
    for trusted, shown, key in (
        (otel.CERTIFICATE, otel.CLIENT_CERTIFICATE, otel.CLIENT_KEY),
        (otel.METRICS_CERTIFICATE, otel.METRICS_CLIENT_CERTIFICATE, otel.METRICS_CLIENT_KEY),
    ):
        if otel.UNREADABLE in (trusted.value, shown.value, key.value):
            continue  # reported by the setting's own check
        if (shown.value is None) is not (key.value is None):
            yield Error(f"{shown.name} and {key.name} must be set together; one is missing.", id="analytics.E035")
            continue
        try:
            context = ssl.create_default_context(cafile=trusted.value)
            if shown.value is not None:
                # Without `password`, OpenSSL would prompt for one on the terminal.
                context.load_cert_chain(shown.value, key.value, password="")
        except (OSError, ValueError):  # an ssl.SSLError is an OSError
            yield Error(
                f"The files of {trusted.name}, {shown.name} and {key.name} cannot be used.",
                hint="They must be PEM, and the key must match the certificate and have no password. Until it is "
                "corrected, nothing is sent.",
                id="analytics.E035",
            )


def _vouchers() -> Iterator[CheckMessage]:
    if conf.vouchers_required and not conf.voucher_keys:
        yield Error(
            f"{VOUCHERS_REQUIRED.name} is true, and {VOUCHER_KEY.name} has no key.",
            hint="Set the same key at the site and at the processor. Until it is corrected, nothing is stored.",
            id="analytics.E049",
        )


def _alert_hook() -> Iterator[CheckMessage]:
    if declared.ALERT_HOOK.value and not declared.ALERT_HOOK_SECRET.text(from_django):
        yield Error(
            f"{declared.ALERT_HOOK.name} is set without {declared.ALERT_HOOK_SECRET.name}, which signs alerts.",
            hint="Until it is corrected, no alert is posted.",
            id="analytics.E054",
        )


@register("analytics")
def check_sign_in_methods(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    try:
        login = load_catalogue(conf.catalogue_paths).current_declaration(Category.USER_ACTIVITY, "login")
    except CatalogueError:
        return []  # analytics.E005 has the reason
    choices = sorted(login.field("method").choices)
    problems = []
    if not isinstance(getattr(settings, "TELEMETRY_SIGN_IN_METHODS", None), dict | None):
        problems.append("must be a dictionary from backends to methods; until it is corrected, every method is `other`")
    for backend, method in conf.sign_in_methods.items():
        if method not in choices:
            problems.append(f"has the method {method!r} for {backend}; it must be one of {', '.join(choices)}")
        try:
            import_string(str(backend))
        except ImportError:
            problems.append(f"names {backend!r}, which cannot be imported")
    return [Error(f"TELEMETRY_SIGN_IN_METHODS {problem}.", id="analytics.E030") for problem in problems]


def _catalogues() -> Iterator[CheckMessage]:
    # Warnings, because an error would also stop purging, erasing and switching off, which need no catalogue.
    catalogue = current_catalogue()
    for problem in catalogue.problems:
        yield Warning(str(problem), hint="None of the file's events is recorded or stored.", id="analytics.E005")
    today = datetime.now(UTC).date()
    for number, what, first, last in (
        ("analytics.W001", "expired on {} and is no longer sent or stored", date.min, today),
        ("analytics.W002", "expires on {}", today + timedelta(days=1), today + EXPIRY_NOTICE),
    ):
        for (path, expires), events in _by_file_and_day(catalogue, first, last).items():
            names = ", ".join(f"{event.category}.{event.name}" for event in events)
            yield Warning(
                f"{path}:{events[0].line}: {names} {what.format(expires)}.",
                hint="Remove each event, or renew it with a later date.",
                id=number,
            )


def _by_file_and_day(catalogue: Catalogue, first: date, last: date) -> dict[tuple[str, date], list[Declaration]]:
    found: dict[tuple[str, date], list[Declaration]] = {}
    for event in catalogue.events.values():
        if first <= event.expires <= last:
            found.setdefault((event.path, event.expires), []).append(event)
    return found


def _stock_instrumentor() -> Iterator[CheckMessage]:
    from analytics.collect import middleware

    if conf.use_stock_instrumentor and current_switches().allow and not middleware.stock_measures:
        yield Warning(
            f"{otel.USE_STOCK_INSTRUMENTOR.name} is true, but the instrumentor could not be installed for usage data: "
            "it was installed before, or does not support OTEL_PROPAGATORS or the version of Django.",
            hint="Set it to false. Our own middleware measures requests instead, with the same result.",
            id="analytics.W004",
        )


TELEMETRY_MIDDLEWARE = "analytics.collect.middleware.TelemetryMiddleware"
ROUTER = "analytics.router.AnalyticsRouter"


def _seams() -> Iterator[CheckMessage]:
    """Findings about how a project installs analytics: middleware, router, applications, database."""
    telemetry = place_of(TELEMETRY_MIDDLEWARE)
    inside = [
        place
        for path in (
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            PRIVACY_MIDDLEWARE,
        )
        if (place := place_of(path)) is not None
    ]
    if telemetry is None:
        yield Error(
            "TelemetryMiddleware is not installed, so no request is measured and no event has a person.",
            hint=f'In MIDDLEWARE, before SessionMiddleware, add "{TELEMETRY_MIDDLEWARE}",',
            id="analytics.E037",
        )
    elif inside and telemetry > min(inside):
        yield Error(
            "TelemetryMiddleware must come before SessionMiddleware, AuthenticationMiddleware and PrivacyMiddleware.",
            hint=f'In MIDDLEWARE, before SessionMiddleware, put "{TELEMETRY_MIDDLEWARE}",',
            id="analytics.E038",
        )
    if "analytics" in settings.DATABASES and not any(
        router == ROUTER or isinstance(router, AnalyticsRouter) for router in settings.DATABASE_ROUTERS
    ):
        yield Error(
            "A database is named analytics, but no router sends telemetry's tables to it.",
            hint=f'In the settings: DATABASE_ROUTERS = ["{ROUTER}"]',
            id="analytics.E039",
        )
    yield from wrong_engine(analytics_database(), number="analytics.E040")
    yield from missing_urls("analytics.urls", "reports", number="analytics.E051")
    if django.VERSION >= (6,) and not apps.is_installed("django.contrib.postgres"):
        yield Error(
            "Telemetry's tables have array columns, which Django 6 has only with django.contrib.postgres.",
            hint='In INSTALLED_APPS, add "django.contrib.postgres",',
            id="analytics.E041",
        )
