-- Makes the partitions of the month that contains a moment, for all three tables; says how many were missing.
--
-- The month is UTC's, whatever zone the connection is in. A new table is made beside its parent and then attached,
-- because ATTACH takes a lock that lets inserts go on (SHARE UPDATE EXCLUSIVE) while CREATE ... PARTITION OF does not.
-- The advisory lock lets several writers meet in a new month: the first makes it, the others find it there.
CREATE OR REPLACE FUNCTION analytics_make_month(moment timestamp with time zone) RETURNS integer
LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    first_day date := date_trunc('month', moment)::date;
    next_first_day date := (date_trunc('month', moment) + interval '1 month')::date;
    parent text;
    child text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('analytics_make_month'));
    FOREACH parent IN ARRAY ARRAY['analytics_user_activity', 'analytics_endpoint_usage', 'analytics_feature_usage']
    LOOP
        child := format('%s_y%sm%s', parent, to_char(first_day, 'YYYY'), to_char(first_day, 'MM'));
        CONTINUE WHEN to_regclass(child) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', child, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, first_day::timestamptz, next_first_day::timestamptz);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
