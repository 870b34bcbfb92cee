-- What the rollups and the reports from them share: the histogram, the days, and the trigger of erasures.

-- The histogram has logarithmic buckets: bucket i holds values over g^(i-1) up to g^i, with g = (1 + e) / (1 - e) and the
-- relative error e = 0.019 (DDSketch, Masson and others 2019). Histograms are merged by adding counts. Zero, which has no
-- logarithm, has a bucket of its own below all others.
CREATE OR REPLACE FUNCTION analytics_bucket(value double precision) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value > 0 THEN ceil(ln(value) / ln(1.019::float8 / 0.981::float8))::smallint
            ELSE (-32768)::smallint END;

-- The value that is nowhere in its bucket further than e from any other.
CREATE OR REPLACE FUNCTION analytics_bucket_value(bucket smallint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN bucket = -32768 THEN 0::float8
            ELSE exp(bucket * ln(1.019::float8 / 0.981::float8)) * 0.981::float8 END;

-- A request that the server failed at: 500 or more, or no status at all, because the answer ended in an exception.
CREATE OR REPLACE FUNCTION analytics_is_error(status_code integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (status_code BETWEEN 1 AND 499) IS NOT TRUE;

-- As percentile_cont does it: between the two values the rank lies between.
CREATE OR REPLACE FUNCTION analytics_between(low smallint, high smallint, rank double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN analytics_bucket_value(low)
       + (rank - floor(rank)) * (analytics_bucket_value(high) - analytics_bucket_value(low));

-- The first day whose rollups may still be computed: raw rows of the days before it have gone, or are about to.
CREATE OR REPLACE FUNCTION analytics_first_open_day() RETURNS date
LANGUAGE sql STABLE
RETURN (SELECT coalesce(max(day) + 1, '0001-01-01') FROM analytics_rolled_up_day WHERE closed);

-- The moment from which rows are shown: those from before are past their time, and go with the whole of their month.
CREATE OR REPLACE FUNCTION analytics_shown_from() RETURNS timestamp with time zone
LANGUAGE sql STABLE
RETURN (SELECT coalesce(max(shown_from), '-infinity') FROM analytics_keeping);

-- An erasure touches the days it takes rows from. The purge deletes from partitions, not from the whole table, and so
-- touches none: that is the difference between the two.
CREATE OR REPLACE FUNCTION analytics_touch_erased_days() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO analytics_touched_day (day, user_id)
    SELECT DISTINCT ("timestamp" AT TIME ZONE 'UTC')::date, user_id FROM gone;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER analytics_user_activity_erased AFTER DELETE ON analytics_user_activity
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION analytics_touch_erased_days();
CREATE OR REPLACE TRIGGER analytics_endpoint_usage_erased AFTER DELETE ON analytics_endpoint_usage
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION analytics_touch_erased_days();
CREATE OR REPLACE TRIGGER analytics_feature_usage_erased AFTER DELETE ON analytics_feature_usage
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION analytics_touch_erased_days();
