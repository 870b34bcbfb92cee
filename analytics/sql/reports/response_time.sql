-- One row: the p95 of all requests of the range, within 2 percent. Null where the people of a single day prove no group that is
-- large enough. Parameters: first, after (days), part, smallest.
WITH chosen AS (
    SELECT * FROM analytics_daily_activity
    WHERE day >= %(first)s AND day < %(after)s AND deployment_type = %(part)s
), histogram AS (
    SELECT bucket, sum(requests_of_bucket)::bigint AS requests
    FROM chosen CROSS JOIN LATERAL unnest(buckets, counts) AS of_day (bucket, requests_of_bucket)
    GROUP BY bucket
)
SELECT CASE WHEN EXISTS (SELECT FROM chosen WHERE analytics_shown_people(people_requesting, noise[5], %(smallest)s) > 0)
            THEN analytics_percentile(array_agg(bucket ORDER BY bucket), array_agg(requests ORDER BY bucket), 0.95) END AS p95_ms
FROM histogram
