"""Labels of `privacy` and `analytics`, which a project changes by an AppConfig of its own where they are taken."""

from functools import cache

from django.apps import apps
from django.db import migrations


@cache
def label_of(name: str) -> str:
    """The label that the app of the package `name` has in this project; the name where it is not installed."""
    return next((config.label for config in apps.get_app_configs() if config.name == name), name)


class Migration(migrations.Migration):
    """A migration that depends on others of its app under the label the app has in this project."""

    def __init__(self, name: str, app_label: str) -> None:
        super().__init__(name, app_label)
        package = type(self).__module__.partition(".")[0]
        dependencies = [(app_label, each[1]) if each[0] == package else each for each in self.dependencies]
        self.dependencies = dependencies  # type: ignore[misc]  # as Django's own __init__ does
