"""The histogram of all requests of a day, of which the overview has the p95."""

import django.contrib.postgres.fields
from django.db import migrations, models

from privacy import labels

FILL = """
UPDATE analytics_daily_activity activity SET buckets = found.buckets, counts = found.counts
FROM (
    SELECT day, deployment_type, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(requests ORDER BY bucket) AS counts
    FROM (
        SELECT day, either.deployment_type, bucket, sum(requests_of_bucket) AS requests
        FROM analytics_daily_endpoint daily
        CROSS JOIN LATERAL (VALUES (daily.deployment_type), ('all')) AS either (deployment_type)
        CROSS JOIN LATERAL unnest(buckets, counts) AS of_endpoint (bucket, requests_of_bucket)
        GROUP BY day, either.deployment_type, bucket
    ) AS histogram
    GROUP BY day, deployment_type
) AS found
WHERE activity.day = found.day AND activity.deployment_type = found.deployment_type;
"""


class Migration(labels.Migration):
    dependencies = [("analytics", "0005_noise")]

    operations = [
        migrations.AddField(
            model_name="dailyactivity",
            name="buckets",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.SmallIntegerField(), db_default=[], size=None
            ),
        ),
        migrations.AddField(
            model_name="dailyactivity",
            name="counts",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), db_default=[], size=None
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
