"""Names and threshold of the BI views, which analytics/sql/views defines."""

from typing import Any

from django.db import connections

from analytics.conf import conf
from analytics.models import ViewThreshold
from analytics.router import analytics_database
from analytics.sql import sql

# Each is analytics_report_NAME.
REPORTS = (
    "active_people",
    "sign_ins",
    "weekly_people",
    "monthly_people",
    "feature_adoption",
    "endpoint_performance",
    "retention",
    "weekly_retention",
    "sessions",
    "consent",
    "received",
    "rejected",
    "freshness",
    "calendar",
)
VIEWS = tuple(f"analytics_report_{name}" for name in REPORTS)
# The same views in a schema of their own.
SCHEMA = "analytics_bi"
VIEWS_OF_SCHEMA = tuple(f"{SCHEMA}.{name}" for name in REPORTS)


def make_schema() -> bool:
    """Create or update the schema. False if this database role has no right to."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("views/schema"))
        cursor.execute(
            "SELECT count(*) FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL", [[*VIEWS_OF_SCHEMA]]
        )
        return bool(cursor.fetchone() == (0,))


def publish_threshold() -> int:
    """Store TELEMETRY_SMALLEST_GROUP_BI as the views' threshold, and return it."""
    ViewThreshold.objects.update_or_create(pk=1, defaults={"smallest_group": conf.smallest_group_bi})
    return conf.smallest_group_bi


def after_migrate(using: str, **_: Any) -> None:
    """Receiver of `post_migrate`. After migrating backwards the table may be missing."""
    if using == analytics_database() and ViewThreshold._meta.db_table in connections[using].introspection.table_names():
        publish_threshold()
