"""Somebody erased is new when they come back, also where all rows of theirs that were deleted are of closed days."""

from django.db import migrations

from analytics.sql import sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0012_active_people")]
    operations = [migrations.RunSQL(sql("erase_person"), migrations.RunSQL.noop)]
