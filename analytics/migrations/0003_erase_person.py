"""Erasure as one function, because the processor and the site both do it and must do it alike."""

from django.db import migrations

from analytics.sql import sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0002_tallies_and_erasures")]
    operations = [migrations.RunSQL(sql("erase_person"), "DROP FUNCTION analytics_erase_person")]
