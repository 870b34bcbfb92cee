"""Numbered errors and warnings of analytics' settings: those `analytics.conf` declares with each setting, and these.

analytics.E005  A catalogue file is missing, broken, or has a malformed, ownerless or expired entry.
analytics.E030  TELEMETRY_SIGN_IN_METHODS names a backend that there is not, or a method that the catalogue lacks.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from analytics.catalogue import load_catalogue, problems_today
from analytics.conf import SETTINGS, conf
from analytics.exceptions import CatalogueError
from analytics.vocabulary import Category
from privacy.declared import findings


@register("analytics")
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*findings(SETTINGS), *_catalogues()]


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
