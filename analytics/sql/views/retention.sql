-- Those who returned are a group as well: see analytics_retention() in told.sql.
CREATE OR REPLACE VIEW analytics_report_retention WITH (security_barrier) AS
SELECT first_day, deployment_type, shown.people, shown.returned,
       trim_scale(round(shown.retention_percent, 4)) AS retention_percent,
       day_1, day_2, day_3, day_4, day_5, day_6, day_7
FROM analytics_cohort cohort
CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL analytics_retention(
    cohort.people, cohort.returned, returned_on, noise, (now() AT TIME ZONE 'UTC')::date - first_day - 1, smallest_group) AS shown
WHERE deployment_type <> 'all' AND shown.people > 0;
COMMENT ON VIEW analytics_report_retention IS
    'Of the people whose first event is of a UTC day, how many were active again on one of the seven days after it, and on each.';
COMMENT ON COLUMN analytics_report_retention.first_day IS 'UTC day of the first event.';
COMMENT ON COLUMN analytics_report_retention.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_retention.people IS 'New people: those whose first event it was.';
COMMENT ON COLUMN analytics_report_retention.returned IS
    'Those of them who were active on one of the seven days after; null where too few, or not over yet.';
COMMENT ON COLUMN analytics_report_retention.retention_percent IS 'Returned in percent of people.';
DO $$
BEGIN
    FOR day IN 1..7 LOOP
        EXECUTE format('COMMENT ON COLUMN analytics_report_retention.day_%s IS %L', day, format(
            'Those of them who were active on day %s after the first; null where too few, or not over yet.', day));
    END LOOP;
END $$;
