-- The same by the ISO week (from Monday, UTC) of the first event. A day is counted once it is over for everybody of the week.
CREATE OR REPLACE VIEW analytics_report_weekly_retention WITH (security_barrier) AS
WITH weeks AS (
    SELECT date_trunc('week', first_day::timestamp)::date AS first_day, deployment_type,
           sum(people) AS people, sum(returned) AS returned, analytics_sum_of_days(returned_on) AS returned_on,
           analytics_sum_of_noise(noise) AS noise
    FROM analytics_cohort
    WHERE deployment_type <> 'all'
    GROUP BY date_trunc('week', first_day::timestamp)::date, deployment_type
)
SELECT first_day, deployment_type, shown.people, shown.returned,
       trim_scale(round(shown.retention_percent, 4)) AS retention_percent,
       day_1, day_2, day_3, day_4, day_5, day_6, day_7
FROM weeks
CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL analytics_retention(
    weeks.people, weeks.returned, returned_on, noise, (now() AT TIME ZONE 'UTC')::date - first_day - 7, smallest_group) AS shown
WHERE shown.people > 0;
COMMENT ON VIEW analytics_report_weekly_retention IS
    'The same as retention, by the ISO week of the first event: for a site whose single days are too small.';
DO $$
DECLARE
    of_daily record;
BEGIN
    FOR of_daily IN SELECT attname, col_description(attrelid, attnum) AS comment FROM pg_attribute
                    WHERE attrelid = 'analytics_report_retention'::regclass AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN analytics_report_weekly_retention.%I IS %L', of_daily.attname, of_daily.comment);
    END LOOP;
END $$;
COMMENT ON COLUMN analytics_report_weekly_retention.first_day IS 'Monday of the ISO week of the first event, UTC.';
