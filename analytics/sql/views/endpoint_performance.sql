-- People are counted by bits, which are there as long as the raw rows are: without them a group might be small. Counted for
-- each row by itself, so that a range of days reads the bits of those days only.
CREATE OR REPLACE VIEW analytics_report_endpoint_performance WITH (security_barrier) AS
SELECT day, deployment_type, endpoint, method, shown.people AS unique_users, shown.requests, shown.errors,
       trim_scale(round(100.0 * shown.errors / shown.requests, 4)) AS error_percent,
       round(duration_ns / daily.requests / 1000000, 4)::float8 AS avg_ms,
       round(analytics_percentile(buckets, counts, 0.5)::numeric, 4)::float8 AS p50_ms,
       round(analytics_percentile(buckets, counts, 0.95)::numeric, 4)::float8 AS p95_ms,
       round(analytics_percentile(buckets, counts, 0.99)::numeric, 4)::float8 AS p99_ms
FROM analytics_daily_endpoint daily CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL (
    SELECT sum(bit_count(bits))::bigint AS people FROM analytics_people_of_day of_day
    WHERE of_day.day = daily.day AND of_day.deployment_type = daily.deployment_type
      AND measure = 'endpoint' AND name = method || ' ' || endpoint
) AS counted
CROSS JOIN LATERAL (
    SELECT greatest(analytics_shown_events(daily.requests, daily.people, noise, 1, smallest_group), 1) AS requests,
           greatest(analytics_shown_events(daily.errors, daily.people, noise, 2, smallest_group), 0) AS errors
) AS events
CROSS JOIN LATERAL (
    SELECT analytics_shown_people(counted.people, noise, smallest_group) AS people, events.requests,
           least(events.errors, events.requests) AS errors
) AS shown
WHERE shown.people > 0;
COMMENT ON VIEW analytics_report_endpoint_performance IS
    'Requests, errors (status 500 and above, or unknown) and durations in milliseconds by URL pattern, method, UTC day and deployment '
    'type. Percentiles are within 2 percent, and those of several days cannot be averaged.';
COMMENT ON COLUMN analytics_report_endpoint_performance.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_endpoint_performance.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_endpoint_performance.endpoint IS 'URL pattern, never a path.';
COMMENT ON COLUMN analytics_report_endpoint_performance.method IS 'HTTP method.';
COMMENT ON COLUMN analytics_report_endpoint_performance.unique_users IS 'Distinct people who requested it.';
COMMENT ON COLUMN analytics_report_endpoint_performance.requests IS 'Number of requests.';
COMMENT ON COLUMN analytics_report_endpoint_performance.errors IS 'Requests with status 500 and above, or unknown.';
COMMENT ON COLUMN analytics_report_endpoint_performance.error_percent IS 'Errors in percent of requests.';
COMMENT ON COLUMN analytics_report_endpoint_performance.avg_ms IS 'Average duration in milliseconds.';
COMMENT ON COLUMN analytics_report_endpoint_performance.p50_ms IS 'Median duration in milliseconds, within 2 percent.';
COMMENT ON COLUMN analytics_report_endpoint_performance.p95_ms IS
    '95th percentile in milliseconds, within 2 percent; not to be averaged over days.';
COMMENT ON COLUMN analytics_report_endpoint_performance.p99_ms IS
    '99th percentile in milliseconds, within 2 percent; not to be averaged over days.';
