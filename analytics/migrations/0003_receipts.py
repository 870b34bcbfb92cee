"""A request that is carried out twice adds to its receipt."""

from importlib import import_module

from django.db import migrations

from privacy import labels

FUNCTIONS = r"""
CREATE OR REPLACE FUNCTION analytics_erase_person(
    erasure_id uuid, pseudonyms uuid[], until timestamp with time zone, moment timestamp with time zone
) RETURNS jsonb LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    of_table text;
    deleted bigint;
    receipt jsonb;
BEGIN
    LOCK TABLE analytics_lock_rows IN SHARE ROW EXCLUSIVE MODE;
    receipt := coalesce((SELECT rows_deleted FROM analytics_erasure WHERE id = erasure_id), '{}');
    FOREACH of_table IN ARRAY ARRAY['analytics_user_activity', 'analytics_endpoint_usage', 'analytics_feature_usage']
    LOOP
        EXECUTE format('DELETE FROM %I WHERE user_id = ANY ($1) AND "timestamp" <= $2', of_table) USING pseudonyms, until;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        deleted := deleted + coalesce((receipt->>of_table)::bigint, 0);
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
"""
BEFORE = import_module("analytics.migrations.0002_tombstones").FUNCTIONS


class Migration(labels.Migration):
    dependencies = [("analytics", "0002_tombstones")]
    operations = [migrations.RunSQL(FUNCTIONS, BEFORE)]
