"""The views for BI: their names, and the threshold they go by. What they are is in analytics/sql/view_*.sql."""

from typing import Any

from django.db import connections

from analytics.conf import conf
from analytics.models import ViewThreshold
from analytics.router import analytics_database

# Each is analytics_report_NAME.
REPORTS = (
    "active_people",
    "sign_ins",
    "weekly_people",
    "monthly_people",
    "feature_adoption",
    "endpoint_performance",
    "retention",
    "sessions",
    "received",
    "rejected",
)
VIEWS = tuple(f"analytics_report_{name}" for name in REPORTS)


def publish_threshold() -> int:
    """Have the views go by TELEMETRY_SMALLEST_GROUP_BI from now on; what it is."""
    ViewThreshold.objects.update_or_create(pk=1, defaults={"smallest_group": conf.smallest_group_bi})
    return conf.smallest_group_bi


def after_migrate(using: str, **_: Any) -> None:
    """Receiver of `post_migrate`. Migrated backwards, there may be no table."""
    if using == analytics_database() and ViewThreshold._meta.db_table in connections[using].introspection.table_names():
        publish_threshold()
