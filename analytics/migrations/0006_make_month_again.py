"""Making a month sees whether its table is attached, not only whether it exists."""

from django.db import migrations

from analytics.sql import sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0005_rollup_functions")]
    operations = [migrations.RunSQL(sql("make_month"), migrations.RunSQL.noop)]
