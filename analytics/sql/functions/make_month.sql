-- Makes the partitions of the month that contains a moment, for all three tables; says how many were missing.
--
-- The month is UTC's, whatever zone the connection is in. A new table is made beside its parent and then attached,
-- because ATTACH takes a lock that lets inserts go on (SHARE UPDATE EXCLUSIVE) while CREATE ... PARTITION OF does not.
-- Several writers may meet in a new month: the first one locks the first table as ATTACH does, the others then find the month.
--
-- A purge that was killed between detaching a month and dropping it leaves its table behind, detached or half detached.
-- Where the month is wanted again, that table is attached again, less the rows of people erased meanwhile: erasure
-- only sees what is attached.
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
