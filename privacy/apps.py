from pathlib import Path

import django
import django_stubs_ext
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, post_save, pre_delete, pre_migrate, pre_save

# Allows subscripts of Django's classes at run time, such as ModelAdmin[User], here and in the apps above.
django_stubs_ext.monkeypatch()
OLDEST_DJANGO = (5, 2)
TELEMETRY_MIDDLEWARE = "analytics.collect.middleware.TelemetryMiddleware"


class PrivacyConfig(AppConfig):
    name = "privacy"

    def import_models(self) -> None:
        if django.VERSION < OLDEST_DJANGO:
            raise ImproperlyConfigured(
                f"privacy.E014: Django {django.get_version()} is too old. Run: pip install 'Django>=5.2'"
            )
        other = next((config for config in apps.get_app_configs() if config.name == "analytics"), None)
        if other is None and TELEMETRY_MIDDLEWARE in settings.MIDDLEWARE:
            raise ImproperlyConfigured('privacy.E015: MIDDLEWARE needs the app: in INSTALLED_APPS, add "analytics",')
        # A project's own package comes before an installed one of its name, which then cannot be imported.
        if other is not None and Path(other.path).parent != Path(self.path).parent:
            raise ImproperlyConfigured(
                f"privacy.E013: analytics is the package {other.path}, which hides the one of rhesis-telemetry. "
                "Rename it, or move it into another package; an app of its label may stay (docs/adopt.md)."
            )
        super().import_models()

    def ready(self) -> None:
        from privacy import checks, session_checks  # noqa: F401  registers the checks
        from privacy.acting import after_account_change, before_account_change
        from privacy.departures import on_account_deletion
        from privacy.installation import ensure_installation_rows
        from privacy.sessions import on_connection_created, on_pre_migrate

        connection_created.connect(on_connection_created)
        pre_migrate.connect(on_pre_migrate, sender=self)
        post_migrate.connect(ensure_installation_rows, sender=self)
        pre_delete.connect(on_account_deletion, sender=settings.AUTH_USER_MODEL)
        pre_save.connect(before_account_change, sender=settings.AUTH_USER_MODEL)
        post_save.connect(after_account_change, sender=settings.AUTH_USER_MODEL)
