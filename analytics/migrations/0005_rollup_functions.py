"""The histogram's functions, and the triggers by which an erasure touches the days it takes rows from."""

from django.db import migrations

from analytics.sql import sql

DROP = """
DROP TRIGGER analytics_user_activity_erased ON analytics_user_activity;
DROP TRIGGER analytics_endpoint_usage_erased ON analytics_endpoint_usage;
DROP TRIGGER analytics_feature_usage_erased ON analytics_feature_usage;
DROP FUNCTION analytics_touch_erased_days, analytics_first_open_day, analytics_between, analytics_bucket_value,
    analytics_bucket;
DROP FUNCTION IF EXISTS analytics_is_error;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0004_rollups")]
    operations = [migrations.RunSQL(sql("rollup_functions"), DROP)]
