from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, register
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


class SiteConfig(AppConfig):
    name = "rhesis_site"
    verbose_name = "This site"

    def ready(self) -> None:
        from privacy.sessions import ALIASES
        from privacy.waits import limit

        register(check_settings, "accounts", "rhesis_site")
        register(check_deployment, "rhesis_site", deploy=True)

        def limit_waits(connection: BaseDatabaseWrapper, **_: Any) -> None:
            if connection.alias in ALIASES:
                limit(connection.connection)

        connection_created.connect(limit_waits, weak=False, dispatch_uid="rhesis_site.limit_waits")


def check_deployment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Numbered errors of what does for a laptop and not for a deployment."""
    from rhesis_site.declared import embedded_unasked_findings

    return embedded_unasked_findings()


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Numbered findings about the settings that `rhesis_site.declared` declares."""
    from privacy.declared import findings
    from rhesis_site.declared import LIVE, unknown_variables_findings

    return [*findings(LIVE), *unknown_variables_findings()]
