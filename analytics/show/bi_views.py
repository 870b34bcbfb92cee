"""The views for BI: their names, and the threshold they go by. What they are is in analytics/sql/view_*.sql."""

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
    "received",
    "rejected",
    "freshness",
    "calendar",
)
VIEWS = tuple(f"analytics_report_{name}" for name in REPORTS)
# The same views, in a schema that has nothing else.
SCHEMA = "analytics_bi"
VIEWS_OF_SCHEMA = tuple(f"{SCHEMA}.{name}" for name in REPORTS)


def make_schema() -> bool:
    """Make the schema, or bring it up to date with the views; False if this database role may not."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("bi_schema"))
        cursor.execute(
            "SELECT count(*) FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL", [[*VIEWS_OF_SCHEMA]]
        )
        return bool(cursor.fetchone() == (0,))


def publish_threshold() -> int:
    """Have the views go by TELEMETRY_SMALLEST_GROUP_BI from now on; what it is."""
    ViewThreshold.objects.update_or_create(pk=1, defaults={"smallest_group": conf.smallest_group_bi})
    return conf.smallest_group_bi


def after_migrate(using: str, **_: Any) -> None:
    """Receiver of `post_migrate`. Migrated backwards, there may be no table."""
    if using == analytics_database() and ViewThreshold._meta.db_table in connections[using].introspection.table_names():
        publish_threshold()
