CREATE OR REPLACE VIEW analytics_report_sessions WITH (security_barrier) AS
SELECT day, deployment_type, sessions,
       (length_us / sessions)::float8 / 1e6 AS avg_s,
       analytics_percentile(buckets, counts, 0.5) / 1e6 AS p50_s,
       analytics_percentile(buckets, counts, 0.95) / 1e6 AS p95_s
FROM analytics_daily_sessions JOIN analytics_daily_activity USING (day, deployment_type)
WHERE greatest(people_in_sessions, 1) >= (SELECT smallest_group FROM analytics_view_threshold);
COMMENT ON VIEW analytics_report_sessions IS
    'Sessions and their lengths in seconds, by UTC day and deployment type; cut at midnight. Percentiles are within 2 percent.';
