"""The release of the sender in each row of endpoint usage."""

from django.db import migrations, models

from privacy import labels

# A month that a killed purge left detached is attached again by analytics_make_month, which needs the same columns.
DETACHED = """
DO $$
DECLARE month regclass;
BEGIN
    FOR month IN SELECT oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition
          AND relname ~ '^analytics_endpoint_usage_y[0-9]+m[0-9]{2}$'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS service_version varchar(32)', month);
    END LOOP;
END $$;
COMMENT ON COLUMN analytics_endpoint_usage.service_version IS 'Release of the sender; null if it sent none.';
"""
DETACHED_AGAIN = DETACHED.partition("COMMENT")[0].replace(
    "ADD COLUMN IF NOT EXISTS service_version varchar(32)", "DROP COLUMN IF EXISTS service_version"
)


class Migration(labels.Migration):
    dependencies = [("analytics", "0008_alerts")]

    operations = [
        migrations.AddField(
            model_name="endpointusage",
            name="service_version",
            field=models.CharField(
                help_text="Release of the sender, such as 1.4.2: up to three numbers and a suffix such as rc.1; "
                "no other text.",
                max_length=32,
                null=True,
            ),
        ),
        migrations.RunSQL(DETACHED, DETACHED_AGAIN),
    ]
