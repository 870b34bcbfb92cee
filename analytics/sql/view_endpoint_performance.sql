-- People are counted by bits, which are there as long as the raw rows are: without them a group might be small. Counted for
-- each row by itself, so that a range of days reads the bits of those days only.
CREATE OR REPLACE VIEW analytics_report_endpoint_performance WITH (security_barrier) AS
SELECT day, deployment_type, endpoint, method, unique_users, requests, errors,
       100.0 * errors / requests AS error_percent,
       (duration_ns / requests)::float8 / 1e6 AS avg_ms,
       analytics_percentile(buckets, counts, 0.5) AS p50_ms,
       analytics_percentile(buckets, counts, 0.95) AS p95_ms,
       analytics_percentile(buckets, counts, 0.99) AS p99_ms
FROM analytics_daily_endpoint daily
CROSS JOIN LATERAL (
    SELECT sum(bit_count(bits))::bigint AS unique_users FROM analytics_people_of_day people
    WHERE people.day = daily.day AND people.deployment_type = daily.deployment_type
      AND measure = 'endpoint' AND name = method || ' ' || endpoint
) AS counted
WHERE unique_users >= (SELECT smallest_group FROM analytics_view_threshold);
COMMENT ON VIEW analytics_report_endpoint_performance IS
    'Requests, errors (status 500 and above) and durations in milliseconds by URL pattern, method, UTC day and deployment '
    'type. Percentiles are within 2 percent, and those of several days cannot be averaged.';
