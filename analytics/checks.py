"""Numbered errors and warnings of analytics' settings: those declared with each setting, and these.

analytics.E005  A catalogue file is missing, broken, or has a malformed, ownerless or expired entry.
analytics.E030  TELEMETRY_SIGN_IN_METHODS names a backend that there is not, or a method that the catalogue lacks.
analytics.E034  OTEL_BSP_MAX_EXPORT_BATCH_SIZE is greater than OTEL_BSP_MAX_QUEUE_SIZE.
analytics.E035  A client certificate without its key, or TLS files that do not go together.
"""

import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from analytics import otel
from analytics.catalogue import load_catalogue, problems_today
from analytics.conf import SETTINGS, conf
from analytics.exceptions import CatalogueError
from analytics.vocabulary import Category
from privacy.declared import findings


@register("analytics")
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*findings(SETTINGS), *_sizes(), *_tls_files(), *_catalogues()]


def _sizes() -> Iterator[CheckMessage]:
    batch = otel.BSP_BATCH.value
    if batch is not None and batch > conf.queue_capacity:
        yield Error(
            f"{otel.BSP_BATCH.name} is greater than {otel.BSP_QUEUE.name}, which is {conf.queue_capacity}.",
            hint="Until it is mended, a batch is as large as the queue.",
            id="analytics.E034",
        )


def _tls_files() -> Iterator[CheckMessage]:
    for trusted, shown, key in (
        (otel.CERTIFICATE, otel.CLIENT_CERTIFICATE, otel.CLIENT_KEY),
        (otel.METRICS_CERTIFICATE, otel.METRICS_CLIENT_CERTIFICATE, otel.METRICS_CLIENT_KEY),
    ):
        if otel.UNREADABLE in (trusted.value, shown.value, key.value):
            continue  # it has a number of its own
        if (shown.value is None) is not (key.value is None):
            yield Error(f"{shown.name} and {key.name} go together; one of them is not set.", id="analytics.E035")
            continue
        try:
            context = ssl.create_default_context(cafile=trusted.value)
            if shown.value is not None:
                # A password would be asked for on the terminal otherwise.
                context.load_cert_chain(shown.value, key.value, password="")
        except (OSError, ValueError):  # an ssl.SSLError is an OSError
            yield Error(
                f"The files of {trusted.name}, {shown.name} and {key.name} cannot be used.",
                hint="They must be PEM, the key the certificate's and without password. Until then nothing is sent.",
                id="analytics.E035",
            )


@register("analytics")
def check_sign_in_methods(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    try:
        login = load_catalogue(conf.catalogue_paths).event(Category.USER_ACTIVITY, "login")
    except CatalogueError:
        return []  # analytics.E005 has the reason
    choices = sorted(login.field("method").choices)
    problems = []
    for backend, method in conf.sign_in_methods.items():
        if method not in choices:
            problems.append(f"has the method {method!r} for {backend}; it must be one of {', '.join(choices)}")
        try:
            import_string(backend)
        except ImportError:
            problems.append(f"names {backend!r}, which cannot be imported")
    return [Error(f"TELEMETRY_SIGN_IN_METHODS {problem}.", id="analytics.E030") for problem in problems]


def _catalogues() -> Iterator[CheckMessage]:
    try:
        catalogue = load_catalogue(conf.catalogue_paths)
    except CatalogueError as error:
        yield Error(str(error), id="analytics.E005")
        return
    for problem in problems_today(catalogue):
        yield Error(problem, id="analytics.E005")
