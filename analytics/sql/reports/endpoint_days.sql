-- A line for each UTC day: requests, errors and durations of the endpoint `name` by `method`, or by all methods if empty; no
-- lines without a name. Percentiles are within 2 percent. A day's numbers are those that endpoint_performance.sql has over this
-- day. Parameters: first, after (days), part, name, method, smallest.
WITH chosen AS (
    SELECT * FROM analytics_daily_endpoint
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type) AND endpoint = %(name)s AND %(method)s IN ('', method)
), chunks AS (
    SELECT day, chunk, bit_or(bits) AS bits
    FROM analytics_people_of_day
    WHERE day >= %(first)s AND day < %(after)s AND measure = 'endpoint' AND %(part)s IN ('all', deployment_type)
      AND name IN (SELECT method || ' ' || endpoint FROM chosen)
    GROUP BY day, chunk
), people AS (
    SELECT day, analytics_shown_people(sum(bit_count(bits))::bigint, analytics_noise(bit_xor(analytics_chunk_key(
               (SELECT key FROM analytics_noise_key), chunk, bits))), %(smallest)s) AS shown
    FROM chunks GROUP BY day
), totals AS (
    SELECT day, greatest(sum(analytics_shown_events(requests, people, noise, 1, %(smallest)s)), 1)::bigint AS requests,
           greatest(sum(analytics_shown_events(errors, people, noise, 2, %(smallest)s)), 0)::bigint AS errors
    FROM chosen GROUP BY day
), histograms AS (
    SELECT day, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(requests ORDER BY bucket) AS counts
    FROM (
        SELECT day, bucket, sum(requests_of_bucket)::bigint AS requests
        FROM chosen CROSS JOIN LATERAL unnest(buckets, counts) AS each (bucket, requests_of_bucket)
        GROUP BY day, bucket
    ) AS by_bucket
    GROUP BY day
), large AS (
    SELECT day, requests, least(errors, requests) AS errors, shown,
           analytics_percentile(buckets, counts, 0.5) AS p50_ms,
           analytics_percentile(buckets, counts, 0.95) AS p95_ms,
           analytics_percentile(buckets, counts, 0.99) AS p99_ms
    FROM totals JOIN histograms USING (day) LEFT JOIN people USING (day)
    WHERE shown IS NOT NULL OR %(smallest)s = 1
)
SELECT days.day, CASE WHEN totals.day IS NULL THEN 0 ELSE large.requests END AS requests,
       p50_ms, p95_ms, p99_ms,
       CASE WHEN totals.day IS NULL THEN 0 ELSE large.errors END AS errors,
       100.0 * large.errors / large.requests AS error_percent,
       CASE WHEN totals.day IS NULL THEN 0 ELSE shown END AS unique_users
FROM analytics_days(%(first)s, %(after)s) AS days (day) LEFT JOIN totals USING (day) LEFT JOIN large USING (day)
WHERE %(name)s <> ''
ORDER BY day
