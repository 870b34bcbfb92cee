import re
from contextlib import suppress
from pathlib import Path

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "Usage telemetry"

    def import_models(self) -> None:
        other = next((config for config in apps.get_app_configs() if config.name == "privacy"), None)
        if other is None:
            raise ImproperlyConfigured('analytics.E050: In INSTALLED_APPS, add "privacy",')
        # A project's own package comes before an installed one of its name, which then cannot be imported.
        if Path(other.path).parent != Path(self.path).parent:
            raise ImproperlyConfigured(
                f"analytics.E046: privacy is the package {other.path}, which hides the one of rhesis-telemetry. "
                "Rename it, or move it into another package; an app of its label may stay (docs/adopt.md)."
            )
        # Import the SDK first, because its import fails on this variable.
        try:
            import opentelemetry.sdk.trace  # noqa: F401
        except ValueError:
            raise ImproperlyConfigured(
                "analytics.E042: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a whole number or blank, because "
                "OpenTelemetry's SDK cannot be imported otherwise."
            ) from None
        super().import_models()

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in, user_logged_out
        from django.db.models.signals import post_migrate

        from analytics import checks  # noqa: F401  registers the checks
        from analytics.collect import accounts_signals, pipeline
        from analytics.conf import conf
        from analytics.keep import partitions
        from analytics.person import PersonalTelemetry, on_privacy_page_used
        from analytics.show import bi_views
        from privacy import telemetry
        from privacy.signals import consent_changed, privacy_page_used
        from privacy.switches import current_switches

        post_migrate.connect(partitions.after_migrate, sender=self)
        post_migrate.connect(bi_views.after_migrate, sender=self)
        consent_changed.connect(pipeline.on_consent_changed)
        user_logged_in.connect(accounts_signals.on_signed_in)
        user_logged_out.connect(accounts_signals.on_signed_out)
        privacy_page_used.connect(on_privacy_page_used)
        telemetry.register(PersonalTelemetry())
        if conf.use_stock_instrumentor and current_switches().allow:
            # OTEL_PROPAGATORS of the host's own tracing may name a missing package; analytics.W004 reports it.
            try:
                with suppress(ImportError, ValueError):
                    from analytics.collect import stock

                    stock.instrument()
            except re.error:
                # Do not fall back to our middleware, which would record excluded addresses.
                raise ImproperlyConfigured(
                    "analytics.E043: OTEL_PYTHON_DJANGO_EXCLUDED_URLS or OTEL_PYTHON_EXCLUDED_URLS must be a list of "
                    "regular expressions, separated by commas."
                ) from None
