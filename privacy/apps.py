import django_stubs_ext
from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, post_save, pre_delete, pre_migrate, pre_save

# Allows subscripts of Django's classes at run time, such as ModelAdmin[User], here and in the apps above.
django_stubs_ext.monkeypatch()


class PrivacyConfig(AppConfig):
    name = "privacy"

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
