-- Endpoint performance: durations in milliseconds and errors by endpoint and method (the note's third query).
-- Parameters: start, end (exclusive), deployment type or null for all, name (a part of the endpoint's) or
-- null, method or null.
SELECT endpoint, method, count(*) AS requests,
       avg(duration_ms) AS avg_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS p50_ms,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95_ms,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ms) AS p99_ms,
       count(*) FILTER (WHERE analytics_is_error(status_code)) AS errors,
       100.0 * count(*) FILTER (WHERE analytics_is_error(status_code)) / count(*) AS error_percent,
       count(DISTINCT user_id) AS unique_users
FROM analytics_endpoint_usage
WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
  AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
  AND (%(name)s::text IS NULL OR strpos(lower(endpoint), lower(%(name)s)) > 0)
  AND (%(method)s::varchar IS NULL OR method = %(method)s)
GROUP BY endpoint, method
ORDER BY requests DESC, endpoint, method
