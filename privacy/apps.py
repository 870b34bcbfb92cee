from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PrivacyConfig(AppConfig):
    name = "privacy"

    def ready(self) -> None:
        from privacy import checks  # noqa: F401  registers the checks
        from privacy.installation import ensure_installation_rows

        post_migrate.connect(ensure_installation_rows, sender=self)
