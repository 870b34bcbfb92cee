"""Daily numbers of people's choices, and their view for BI."""

from django.db import migrations, models

from privacy import labels

VIEW = r"""
CREATE OR REPLACE FUNCTION analytics_rounded(people bigint, smallest integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN analytics_is_told(people, smallest) THEN people - people % smallest END;

CREATE OR REPLACE VIEW analytics_report_consent WITH (security_barrier) AS
SELECT day, notice_version,
       analytics_rounded(asked, smallest_group) AS asked, analytics_rounded(yes, smallest_group) AS yes,
       analytics_rounded(no, smallest_group) AS no, analytics_rounded(undecided, smallest_group) AS undecided
FROM analytics_consent_of_day CROSS JOIN analytics_view_threshold;
COMMENT ON VIEW analytics_report_consent IS 'People asked for consent and their choices, by UTC day and notice. Rounded down to a multiple of the smallest group; empty where people are fewer.';
COMMENT ON COLUMN analytics_report_consent.day IS 'UTC day; the numbers are of its last count by keep_telemetry.';
COMMENT ON COLUMN analytics_report_consent.notice_version IS 'The newest notice that these people were shown; 0 for none.';
COMMENT ON COLUMN analytics_report_consent.asked IS 'People to whom this notice was shown.';
COMMENT ON COLUMN analytics_report_consent.yes IS 'People whose choice is to share.';
COMMENT ON COLUMN analytics_report_consent.no IS 'People whose choice is not to share.';
COMMENT ON COLUMN analytics_report_consent.undecided IS 'People who were asked and have not chosen.';
"""
# The schema of the views for BI, once more, for the new one.
SCHEMA = r"""
DO $$
DECLARE
    own regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = 'analytics_user_activity'::regclass);
    report record;
    part record;
BEGIN
    IF to_regnamespace('analytics_bi') IS NULL THEN
        IF NOT has_database_privilege(current_database(), 'CREATE') THEN
            RETURN;
        END IF;
        CREATE SCHEMA analytics_bi;
        COMMENT ON SCHEMA analytics_bi IS 'Reports for BI tools: aggregates of people who share their usage, never rows.';
    ELSIF NOT (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'analytics_bi') THEN
        RETURN;
    END IF;
    FOR report IN SELECT oid, relname, substr(relname, 18) AS name FROM pg_class
                  WHERE relnamespace = own AND relkind = 'v' AND relname LIKE 'analytics\_report\_%'
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW analytics_bi.%I WITH (security_barrier) AS SELECT * FROM %s',
                       report.name, report.oid::regclass);
        EXECUTE format('COMMENT ON VIEW analytics_bi.%I IS %L', report.name, obj_description(report.oid, 'pg_class'));
        FOR part IN SELECT attname, col_description(report.oid, attnum) AS comment FROM pg_attribute
                    WHERE attrelid = report.oid AND attnum > 0 AND NOT attisdropped
        LOOP
            EXECUTE format('COMMENT ON COLUMN analytics_bi.%I.%I IS %L', report.name, part.attname, part.comment);
        END LOOP;
    END LOOP;
END $$;
"""
NO_VIEW = """
DROP VIEW IF EXISTS analytics_bi.consent;
DROP VIEW analytics_report_consent;
DROP FUNCTION analytics_rounded(bigint, integer);
"""


class Migration(labels.Migration):
    dependencies = [
        ("analytics", "0003_receipts"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsentOfDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "notice_version", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("notice_version", models.IntegerField()),
                ("asked", models.BigIntegerField()),
                ("yes", models.BigIntegerField()),
                ("no", models.BigIntegerField()),
                ("undecided", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_consent_of_day",
            },
        ),
        migrations.RunSQL([VIEW, SCHEMA], NO_VIEW),
    ]
