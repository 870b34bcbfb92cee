-- Requests and durations by endpoint and method. Percentiles are within 2 percent of the exact ones, by the width of the
-- histogram's buckets. People are null where they cannot be told apart any more (see people_by_name.sql), or the length of the
-- range is not one that people are counted over; all numbers where the people are too few. Parameters: first, after (days),
-- part, name, method, counted, smallest.
WITH chosen AS (
    SELECT * FROM analytics_daily_endpoint
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
      AND (%(name)s = '' OR strpos(lower(endpoint), lower(%(name)s)) > 0)
      AND %(method)s IN ('', method)
), totals AS (
    SELECT endpoint, method, sum(requests)::bigint AS requests, sum(duration_ns) AS duration_ns,
           greatest(sum(analytics_shown_events(requests, people, noise, 1, %(smallest)s)), 1)::bigint AS shown_requests,
           greatest(sum(analytics_shown_events(errors, people, noise, 2, %(smallest)s)), 0)::bigint AS shown_errors
    FROM chosen GROUP BY endpoint, method
), histogram AS (
    SELECT endpoint, method, bucket, sum(requests_of_bucket)::bigint AS requests_of_bucket
    FROM chosen CROSS JOIN LATERAL unnest(buckets, counts) AS histogram (bucket, requests_of_bucket)
    GROUP BY endpoint, method, bucket
), ranked AS (
    SELECT endpoint, method, bucket,
           sum(requests_of_bucket) OVER (PARTITION BY endpoint, method ORDER BY bucket)::bigint AS up_to
    FROM histogram
), percentiles AS (
    -- The value of rank r (from 0) is in the first bucket that, with those before it, holds more than r.
    SELECT endpoint, method, share,
           analytics_between(
               min(bucket) FILTER (WHERE up_to > floor(share * (requests - 1))),
               min(bucket) FILTER (WHERE up_to > ceil(share * (requests - 1))),
               share * (requests - 1)) AS ms
    FROM ranked JOIN totals USING (endpoint, method)
    CROSS JOIN (VALUES (0.5::float8), (0.95), (0.99)) AS shares (share)
    GROUP BY endpoint, method, share, requests
), people AS MATERIALIZED (
    -- Once: without statistics of the day's rows, the planner would have it counted again for each name.
    SELECT name, analytics_shown_people(people, noise, %(smallest)s) AS shown,
           analytics_shown_people(at_least, noise, %(smallest)s) IS NOT NULL AS large
    FROM analytics_people_by_name('endpoint', %(first)s, %(after)s, %(part)s)
), judged AS (
    SELECT endpoint, method, shown_requests AS requests, (duration_ns / requests)::float8 / 1e6 AS avg_ms,
           least(shown_errors, shown_requests) AS errors, 100.0 * least(shown_errors, shown_requests) / shown_requests AS error_percent,
           CASE WHEN %(counted)s THEN shown END AS people
    FROM totals LEFT JOIN people ON people.name = method || ' ' || endpoint
    WHERE coalesce(large, %(smallest)s = 1)
), shown AS (
    SELECT * FROM percentiles JOIN judged USING (endpoint, method)
)
SELECT endpoint, method, shown.requests, shown.avg_ms,
       max(ms) FILTER (WHERE share = 0.5) AS p50_ms,
       max(ms) FILTER (WHERE share = 0.95) AS p95_ms,
       max(ms) FILTER (WHERE share = 0.99) AS p99_ms,
       shown.errors, shown.error_percent, shown.people AS unique_users
FROM totals LEFT JOIN shown USING (endpoint, method)
GROUP BY endpoint, method, shown.requests, shown.avg_ms, shown.errors, shown.error_percent, shown.people
ORDER BY requests DESC NULLS LAST, endpoint, method
