"""Who used which action and endpoint and who had a session is kept as bits too, and each day of a return."""

import django.contrib.postgres.fields
from django.db import migrations, models

from analytics.sql import sql

# What these count was not counted before: every day whose rows are still kept is computed again.
TOUCH_ALL_DAYS = """
INSERT INTO analytics_touched_day (day) SELECT day FROM analytics_rolled_up_day WHERE NOT closed
"""
# Without this migration these have no place, and some of their names are longer than the columns then are.
FORGET_MORE = """
DELETE FROM analytics_people_of_day WHERE measure IN ('session', 'action', 'endpoint');
DELETE FROM analytics_monthly_people WHERE measure IN ('session', 'action', 'endpoint');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0006_make_month_again"),
    ]

    operations = [
        migrations.AddField(
            model_name="cohort",
            name="returned_on",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(),
                db_default=[],
                help_text="How many did on each of the seven days, in their order; empty where that was not kept.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="dailyactivity",
            name="people_in_sessions",
            field=models.IntegerField(db_default=0, help_text="With a row of a session that day."),
        ),
        migrations.AddField(
            model_name="dailyactivity",
            name="people_requesting",
            field=models.IntegerField(db_default=0, help_text="With a request that day."),
        ),
        migrations.AddField(
            model_name="dailyactivity",
            name="people_using_features",
            field=models.IntegerField(db_default=0, help_text="With a use of any feature that day."),
        ),
        migrations.AlterField(
            model_name="monthlypeople",
            name="name",
            field=models.CharField(max_length=640),
        ),
        migrations.AlterField(
            model_name="peopleofday",
            name="name",
            field=models.CharField(max_length=640),
        ),
        migrations.RunSQL(
            sql("people_by_name"), "DROP FUNCTION analytics_people_by_name(varchar, date, date, varchar)"
        ),
        migrations.RunSQL(TOUCH_ALL_DAYS, FORGET_MORE),
    ]
