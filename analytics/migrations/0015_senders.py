"""Rejections by sender, and what spans are stored without; the view of what came in leaves the latter out."""

from django.db import migrations, models

from analytics.sql import sql

# Of another signature than the one that `ingest_functions.sql` makes, which therefore would not replace it.
DROP_EARLIER = "DROP FUNCTION IF EXISTS analytics_end_ingest(date[], date, smallint, varchar[], varchar[], bigint[])"
MAKE_EARLIER = """
DROP FUNCTION analytics_end_ingest(date[], date, smallint, varchar[], varchar[], varchar[], bigint[]);
CREATE FUNCTION analytics_end_ingest(
    days date[], counted date, writer smallint, outcomes varchar[], reasons varchar[], numbers bigint[]
) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM analytics_touch_days(days);
    INSERT INTO analytics_ingest_tally AS tally (day, slot, outcome, reason, spans)
    SELECT counted, writer, new.* FROM unnest(outcomes, reasons, numbers) AS new
    ON CONFLICT ON CONSTRAINT analytics_ingest_tally_key DO UPDATE SET spans = tally.spans + excluded.spans;
END $$;
"""
# Without senders their counts are one.
MERGE = """
CREATE TEMPORARY TABLE merged ON COMMIT DROP AS
SELECT day, slot, outcome, reason, sum(spans)::bigint AS spans FROM analytics_ingest_tally
WHERE outcome <> 'part' GROUP BY day, slot, outcome, reason;
DELETE FROM analytics_ingest_tally;
INSERT INTO analytics_ingest_tally (day, slot, outcome, reason, spans) SELECT * FROM merged;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0014_pinned_search_path")]
    operations = [
        migrations.RunSQL(migrations.RunSQL.noop, MAKE_EARLIER),
        migrations.RemoveConstraint("ingesttally", "analytics_ingest_tally_key"),
        migrations.AddField(
            model_name="ingesttally",
            name="sender",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Service name, of what was not stored as sent.",
                max_length=64,
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, MERGE),
        migrations.AddConstraint(
            model_name="ingesttally",
            constraint=models.UniqueConstraint(
                fields=("day", "slot", "outcome", "reason", "sender"), name="analytics_ingest_tally_key"
            ),
        ),
        migrations.RunSQL(DROP_EARLIER, migrations.RunSQL.noop),
        migrations.RunSQL(
            sql("ingest_functions") + sql("view_received") + sql("usage_comments"), migrations.RunSQL.noop
        ),
    ]
