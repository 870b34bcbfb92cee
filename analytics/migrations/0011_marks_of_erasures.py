"""A writer leaves its mark on a day also where only an erasure has marked it.

The days whose rows are kept are computed again: rows that came between an erasure and a rollup lost their people.
"""

from django.db import migrations

from analytics.sql import sql

TOUCH_ALL_DAYS = """
INSERT INTO analytics_touched_day (day) SELECT day FROM analytics_rolled_up_day WHERE NOT closed
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0010_ingest_functions")]
    operations = [
        migrations.RunSQL(sql("ingest_functions"), migrations.RunSQL.noop),
        migrations.RunSQL(TOUCH_ALL_DAYS, migrations.RunSQL.noop),
    ]
