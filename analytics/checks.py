"""Numbered errors and warnings of analytics' settings: those `analytics.conf` declares with each setting, and these.

analytics.E005  A catalogue file is missing, broken, or has a malformed, ownerless or expired entry.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from analytics.catalogue import load_catalogue, problems_today
from analytics.conf import SETTINGS, conf
from analytics.exceptions import CatalogueError
from privacy.declared import findings


@register("analytics")
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*findings(SETTINGS), *_catalogues()]


def _catalogues() -> Iterator[CheckMessage]:
    try:
        catalogue = load_catalogue(conf.catalogue_paths)
    except CatalogueError as error:
        yield Error(str(error), id="analytics.E005")
        return
    for problem in problems_today(catalogue):
        yield Error(problem, id="analytics.E005")
