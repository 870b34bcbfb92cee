-- The value below which `share` of a histogram's values lie, as percentile_cont has it, within 2 percent; see
-- rollup_functions.sql. `buckets` in rising order, `counts` of the same length.
CREATE OR REPLACE FUNCTION analytics_percentile(buckets smallint[], counts bigint[], share double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH ranked AS (
        SELECT bucket, sum(count) OVER (ORDER BY bucket) AS up_to, share * (sum(count) OVER () - 1) AS rank
        FROM unnest(buckets, counts) AS histogram (bucket, count)
    )
    SELECT analytics_between(min(bucket) FILTER (WHERE up_to > floor(rank)),
                             min(bucket) FILTER (WHERE up_to > ceil(rank)), min(rank)::double precision)
    FROM ranked;
END;
