"""Functions find our tables whatever the caller's search path is: they keep the one they were made with."""

from django.db import migrations

from analytics.sql import sql

AGAIN = ("make_month", "erase_person", "rollup_functions", "percentile", "ingest_functions")


class Migration(migrations.Migration):
    dependencies = [("analytics", "0013_erase_earlier_days")]
    operations = [migrations.RunSQL("\n".join(map(sql, AGAIN)), migrations.RunSQL.noop)]
