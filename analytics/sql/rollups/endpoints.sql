-- A day's requests, errors and durations. Durations are added up in whole nanoseconds, so that their order is of no
-- consequence. Parameters: day, start, end.
WITH buckets AS (
    SELECT deployment_type, endpoint, method, analytics_bucket(duration_ms) AS bucket,
           count(*) AS requests, count(*) FILTER (WHERE analytics_is_error(status_code)) AS errors,
           sum(round(duration_ms * 1e6)::bigint) AS duration_ns
    FROM analytics_endpoint_usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    GROUP BY deployment_type, endpoint, method, bucket
)
INSERT INTO analytics_daily_endpoint (day, deployment_type, endpoint, method, requests, errors, duration_ns, buckets, counts)
SELECT %(day)s, deployment_type, endpoint, method, sum(requests), sum(errors), sum(duration_ns),
       array_agg(bucket ORDER BY bucket), array_agg(requests ORDER BY bucket)
FROM buckets
GROUP BY deployment_type, endpoint, method
