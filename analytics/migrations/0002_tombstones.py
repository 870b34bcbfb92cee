"""Tombstones apart from receipts: a receipt names no pseudonym, a tombstone no moment of a request."""

from importlib import import_module

from django.db import migrations, models

from privacy import labels

FUNCTIONS = r"""
CREATE OR REPLACE FUNCTION analytics_make_month(moment timestamp with time zone) RETURNS integer
LANGUAGE plpgsql SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET search_path FROM CURRENT AS $$
DECLARE
    first_day date := date_trunc('month', moment)::date;
    next_first_day date := (date_trunc('month', moment) + interval '1 month')::date;
    parent text;
    child text;
    half_detached boolean;
    left_behind boolean;
    made integer := 0;
BEGIN
    LOCK TABLE ONLY analytics_user_activity IN SHARE UPDATE EXCLUSIVE MODE;
    FOREACH parent IN ARRAY ARRAY['analytics_user_activity', 'analytics_endpoint_usage', 'analytics_feature_usage']
    LOOP
        child := format('%s_y%sm%s', parent, to_char(first_day, 'YYYY'), to_char(first_day, 'MM'));
        SELECT inhdetachpending INTO half_detached FROM pg_inherits
        WHERE inhparent = parent::regclass AND inhrelid = to_regclass(child);
        CONTINUE WHEN NOT half_detached;
        IF half_detached THEN
            EXECUTE format('ALTER TABLE %I DETACH PARTITION %I FINALIZE', parent, child);
        END IF;
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', child, parent);
            left_behind := false;
        ELSE
            left_behind := true;
        END IF;
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, first_day::timestamptz, next_first_day::timestamptz);
        IF left_behind THEN
            EXECUTE format('DELETE FROM %I usage USING analytics_tombstone erased WHERE usage.user_id = erased.user_id '
                           'AND usage."timestamp" >= $1 AND usage."timestamp" < $2 '
                           'AND usage."timestamp" <= erased.until', parent)
            USING first_day::timestamptz, next_first_day::timestamptz;
        END IF;
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

CREATE OR REPLACE FUNCTION analytics_erase_person(
    erasure_id uuid, pseudonyms uuid[], until timestamp with time zone, moment timestamp with time zone
) RETURNS jsonb LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    of_table text;
    deleted bigint;
    receipt jsonb := '{}';
BEGIN
    LOCK TABLE analytics_lock_rows IN SHARE ROW EXCLUSIVE MODE;
    FOREACH of_table IN ARRAY ARRAY['analytics_user_activity', 'analytics_endpoint_usage', 'analytics_feature_usage']
    LOOP
        EXECUTE format('DELETE FROM %I WHERE user_id = ANY ($1) AND "timestamp" <= $2', of_table) USING pseudonyms, until;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        receipt := receipt || jsonb_build_object(of_table, deleted);
    END LOOP;
    -- Of closed days no row is left to delete, but who was active on them is known as "earlier" until a rollup takes this.
    INSERT INTO analytics_touched_day (day, user_id)
    SELECT analytics_first_open_day() - 1, user_id FROM analytics_person
    WHERE user_id = ANY (pseudonyms) AND EXISTS (SELECT FROM analytics_rolled_up_day WHERE closed);
    INSERT INTO analytics_tombstone AS known (user_id, until, erasure_id)
    SELECT pseudonym, analytics_erase_person.until, analytics_erase_person.erasure_id FROM unnest(pseudonyms) AS pseudonym
    ON CONFLICT (user_id) DO UPDATE
    SET until = greatest(known.until, excluded.until), erasure_id = excluded.erasure_id;
    INSERT INTO analytics_erasure (id, requested_at, completed_at, rows_deleted)
    VALUES (erasure_id, moment, statement_timestamp(), receipt)
    ON CONFLICT (id) DO UPDATE SET completed_at = statement_timestamp(), rows_deleted = excluded.rows_deleted;
    RETURN receipt;
END $$;

CREATE OR REPLACE FUNCTION analytics_begin_ingest(people uuid[])
RETURNS TABLE (user_id uuid, requested_at timestamp with time zone) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    LOCK TABLE analytics_lock_rows IN ROW EXCLUSIVE MODE;
    RETURN QUERY SELECT erased.user_id, erased.until FROM analytics_tombstone AS erased
                 WHERE erased.user_id = ANY (people);
END $$;
"""
BEFORE = import_module("analytics.migrations.0001_initial").FUNCTIONS
OLD_ERASE = "DROP FUNCTION analytics_erase_person(uuid, uuid, timestamp with time zone)"
NEW_ERASE = "DROP FUNCTION analytics_erase_person(uuid, uuid[], timestamp with time zone, timestamp with time zone)"
TOMBSTONES = """
INSERT INTO analytics_tombstone (user_id, until)
SELECT user_id, max(requested_at) FROM analytics_erasure GROUP BY user_id ORDER BY user_id
"""


class Migration(labels.Migration):
    dependencies = [("analytics", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Tombstone",
            fields=[
                ("user_id", models.UUIDField(help_text="Pseudonym of the person.", primary_key=True, serialize=False)),
                ("until", models.DateTimeField()),
                ("erasure_id", models.UUIDField(null=True)),
            ],
            options={"db_table": "analytics_tombstone"},
        ),
        migrations.RunSQL(TOMBSTONES, migrations.RunSQL.noop),
        migrations.RunSQL(OLD_ERASE, BEFORE),
        migrations.RemoveIndex(model_name="erasure", name="analytics_erasure_of_user"),
        migrations.RemoveField(model_name="erasure", name="user_id"),
        # Backwards, receipts without a pseudonym are of no use to the code before.
        migrations.RunSQL(migrations.RunSQL.noop, "DELETE FROM analytics_erasure"),
        migrations.RunSQL(FUNCTIONS, NEW_ERASE),
    ]
