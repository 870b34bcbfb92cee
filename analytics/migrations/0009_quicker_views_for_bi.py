"""The views of features and endpoints read no more days than they are asked for, and percentiles take a fifth of the time."""

from django.db import migrations

from analytics.sql import sql

AGAIN = ("percentile", "view_feature_adoption", "view_endpoint_performance")


class Migration(migrations.Migration):
    dependencies = [("analytics", "0008_views_for_bi")]
    operations = [migrations.RunSQL("\n".join(map(sql, AGAIN)), migrations.RunSQL.noop)]
