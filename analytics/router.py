"""Database router: routes the `analytics` app to the database of ANALYTICS_DATABASE_URL, if set."""

from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from privacy.labels import label_of


def analytics_database() -> str:
    """Alias of the database with the analytics tables."""
    return "analytics" if "analytics" in settings.DATABASES else DEFAULT_DB_ALIAS


class AnalyticsRouter:
    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return analytics_database() if model._meta.app_label == label_of("analytics") else None

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return analytics_database() if model._meta.app_label == label_of("analytics") else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        if app_label == label_of("analytics"):
            return db == analytics_database()
        return False if db == "analytics" else None


def conninfo() -> str:
    """libpq connection string of the analytics database; starts the embedded server if it is used."""
    parameters = connections[analytics_database()].get_connection_params()
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    return make_conninfo(**{name: value for name, value in parameters.items() if name in known and value})
