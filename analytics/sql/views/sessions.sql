CREATE OR REPLACE VIEW analytics_report_sessions WITH (security_barrier) AS
SELECT day, deployment_type,
       greatest(analytics_shown_events(sessions, people_in_sessions, noise[3], 1, smallest_group), 0) AS sessions,
       round(length_us / sessions / 1000000, 4)::float8 AS avg_s,
       round((analytics_percentile(analytics_daily_sessions.buckets, analytics_daily_sessions.counts, 0.5) / 1e6)::numeric, 4)::float8 AS p50_s,
       round((analytics_percentile(analytics_daily_sessions.buckets, analytics_daily_sessions.counts, 0.95) / 1e6)::numeric, 4)::float8 AS p95_s
FROM analytics_daily_sessions JOIN analytics_daily_activity USING (day, deployment_type)
CROSS JOIN analytics_view_threshold
WHERE analytics_shown_people(people_in_sessions, noise[3], smallest_group) > 0;
COMMENT ON VIEW analytics_report_sessions IS
    'Sessions and their lengths in seconds, by UTC day and deployment type, each from its first event of the day to its last. '
    'Percentiles are within 2 percent.';
COMMENT ON COLUMN analytics_report_sessions.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_sessions.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_sessions.sessions IS
    'Sessions with an event on the day; one that goes on past midnight counts on both days.';
COMMENT ON COLUMN analytics_report_sessions.avg_s IS 'Average length in seconds, first to last event of the day.';
COMMENT ON COLUMN analytics_report_sessions.p50_s IS 'Median length in seconds, within 2 percent.';
COMMENT ON COLUMN analytics_report_sessions.p95_s IS
    '95th percentile in seconds, within 2 percent; not to be averaged over days.';
