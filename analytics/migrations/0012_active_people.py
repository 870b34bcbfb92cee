"""Active people are those of whom there is any event; the views for BI say so, in a schema of their own.

Cohorts whose days are still open are computed again by it. People of days that were closed before are known by their
sign-ins alone.
"""

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
    "weekly_retention",
    "sessions",
    "received",
    "rejected",
    "freshness",
    "calendar",
)
DROP = """
DROP SCHEMA IF EXISTS analytics_bi CASCADE;
DROP VIEW analytics_report_weekly_retention, analytics_report_freshness, analytics_report_calendar;
"""
OWE_COHORTS = """
INSERT INTO analytics_touched_day (day, stage)
SELECT min(day), 'people' FROM analytics_rolled_up_day WHERE NOT closed HAVING count(*) > 0
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0011_marks_of_erasures")]
    operations = [
        migrations.AlterField(
            model_name="dailyactivity",
            name="people",
            field=models.IntegerField(help_text="With any row that day: the active people of the reports."),
        ),
        migrations.AlterField(
            model_name="dailyactivity",
            name="people_signed_in",
            field=models.IntegerField(help_text="With a login that day."),
        ),
        migrations.AlterField(
            model_name="dailyendpoint",
            name="errors",
            field=models.BigIntegerField(help_text="Answered with 500 or more, or without a known status."),
        ),
        migrations.RunSQL(sql("rollup_functions"), migrations.RunSQL.noop),
        migrations.RunSQL(OWE_COHORTS, migrations.RunSQL.noop),
        migrations.RunSQL("\n".join(sql(f"view_{name}") for name in VIEWS), DROP),
        migrations.RunSQL(sql("usage_comments"), migrations.RunSQL.noop),
        migrations.RunSQL(sql("bi_schema"), migrations.RunSQL.noop),
    ]
