"""The views for BI, with the reports' names, and the one row that says what groups are too small for them."""

from django.db import migrations, models

from analytics.sql import sql

VIEWS = (
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
DROP = (
    "".join(f"DROP VIEW analytics_report_{name};\n" for name in VIEWS)
    + "DROP FUNCTION analytics_percentile(smallint[], bigint[], double precision);"
)


class Migration(migrations.Migration):
    dependencies = [("analytics", "0007_people_of_more")]
    operations = [
        migrations.CreateModel(
            name="ViewThreshold",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "smallest_group",
                    models.PositiveIntegerField(help_text="TELEMETRY_SMALLEST_GROUP_BI, as it was last made known."),
                ),
            ],
            options={
                "db_table": "analytics_view_threshold",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1), ("smallest_group__gte", 1)),
                        name="analytics_view_threshold_single",
                    )
                ],
            },
        ),
        migrations.RunSQL(sql("percentile") + "\n".join(sql(f"view_{name}") for name in VIEWS), DROP),
    ]
