"""What the processor does around a request's rows as functions, whose plans a connection keeps."""

from django.db import migrations

from analytics.sql import sql

UNDONE = """
DROP FUNCTION analytics_end_ingest;
DROP FUNCTION analytics_touch_days;
DROP FUNCTION analytics_begin_ingest;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0009_quicker_views_for_bi")]
    operations = [migrations.RunSQL(sql("ingest_functions"), UNDONE)]
