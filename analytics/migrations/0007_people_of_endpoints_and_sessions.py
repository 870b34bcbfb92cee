"""How many people a day's requests and sessions come from, so that small groups can be left out of reports."""

from django.db import migrations, models

HELP = "How many people it comes from; empty for a day that was closed before that was counted."
# Closed days cannot be computed again; reports leave them out where small groups are.
COMPUTE_AGAIN = "INSERT INTO analytics_touched_day (day) SELECT day FROM analytics_rolled_up_day WHERE NOT closed"


class Migration(migrations.Migration):
    dependencies = [("analytics", "0006_make_month_again")]
    operations = [
        migrations.AddField("dailyendpoint", "people", models.IntegerField(null=True, help_text=HELP)),
        migrations.AddField("dailysessions", "people", models.IntegerField(null=True, help_text=HELP)),
        migrations.RunSQL(COMPUTE_AGAIN, migrations.RunSQL.noop),
    ]
