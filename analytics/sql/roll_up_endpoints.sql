-- A day's requests, errors, durations and people. Durations are added up in whole nanoseconds, so that their order is of no
-- consequence. Parameters: day, start, end.
WITH chosen AS (
    SELECT deployment_type, endpoint, method, user_id, status_code, duration_ms
    FROM analytics_endpoint_usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
), buckets AS (
    SELECT deployment_type, endpoint, method, analytics_bucket(duration_ms) AS bucket,
           count(*) AS requests, count(*) FILTER (WHERE status_code >= 500) AS errors,
           sum(round(duration_ms * 1e6)::bigint) AS duration_ns
    FROM chosen
    GROUP BY deployment_type, endpoint, method, bucket
), totals AS (
    SELECT deployment_type, endpoint, method, sum(requests) AS requests, sum(errors) AS errors,
           sum(duration_ns) AS duration_ns, array_agg(bucket ORDER BY bucket) AS buckets,
           array_agg(requests ORDER BY bucket) AS counts
    FROM buckets
    GROUP BY deployment_type, endpoint, method
), people AS (
    -- Told apart first and counted afterwards, which needs no sorting of the day's requests.
    SELECT deployment_type, endpoint, method, count(*) AS people
    FROM (SELECT DISTINCT deployment_type, endpoint, method, user_id FROM chosen) AS each_once
    GROUP BY deployment_type, endpoint, method
)
INSERT INTO analytics_daily_endpoint
    (day, deployment_type, endpoint, method, requests, errors, duration_ns, buckets, counts, people)
SELECT %(day)s, deployment_type, endpoint, method, requests, errors, duration_ns, buckets, counts, people
FROM totals JOIN people USING (deployment_type, endpoint, method)
