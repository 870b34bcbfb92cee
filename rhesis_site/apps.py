from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, register


class SiteConfig(AppConfig):
    name = "rhesis_site"
    verbose_name = "This site"

    def ready(self) -> None:
        register(check_settings, "accounts", "rhesis_site")


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Numbered findings about the settings that `rhesis_site.declared` declares."""
    from privacy.declared import findings
    from rhesis_site.declared import LIVE, unknown_variables_findings

    return [*findings(LIVE), *unknown_variables_findings()]
