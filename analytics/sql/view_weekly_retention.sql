-- A day is counted once it is over for everybody of the week; what is few is not told, as in view_retention.sql.
CREATE OR REPLACE VIEW analytics_report_weekly_retention WITH (security_barrier) AS
WITH cohorts AS (
    SELECT date_trunc('week', first_day::timestamp)::date AS first_day, deployment_type,
           sum(people)::bigint AS people, sum(returned)::bigint AS returned,
           (now() AT TIME ZONE 'UTC')::date - (date_trunc('week', first_day::timestamp)::date + 6) - 1 AS days_over,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[1]) END::bigint AS day_1,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[2]) END::bigint AS day_2,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[3]) END::bigint AS day_3,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[4]) END::bigint AS day_4,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[5]) END::bigint AS day_5,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[6]) END::bigint AS day_6,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[7]) END::bigint AS day_7
    FROM analytics_cohort
    WHERE deployment_type <> 'all'
    GROUP BY date_trunc('week', first_day::timestamp)::date, deployment_type
)
SELECT first_day, deployment_type, people,
       CASE WHEN told THEN returned END AS returned,
       CASE WHEN told THEN trim_scale(round(100.0 * returned / people, 4)) END AS retention_percent,
       CASE WHEN days_over >= 1 AND (day_1 = 0 OR day_1 >= smallest_group) THEN day_1 END AS day_1,
       CASE WHEN days_over >= 2 AND (day_2 = 0 OR day_2 >= smallest_group) THEN day_2 END AS day_2,
       CASE WHEN days_over >= 3 AND (day_3 = 0 OR day_3 >= smallest_group) THEN day_3 END AS day_3,
       CASE WHEN days_over >= 4 AND (day_4 = 0 OR day_4 >= smallest_group) THEN day_4 END AS day_4,
       CASE WHEN days_over >= 5 AND (day_5 = 0 OR day_5 >= smallest_group) THEN day_5 END AS day_5,
       CASE WHEN days_over >= 6 AND (day_6 = 0 OR day_6 >= smallest_group) THEN day_6 END AS day_6,
       CASE WHEN days_over >= 7 AND (day_7 = 0 OR day_7 >= smallest_group) THEN day_7 END AS day_7
FROM cohorts
JOIN analytics_view_threshold ON people >= smallest_group
CROSS JOIN LATERAL (
    SELECT days_over >= 7 AND (returned = 0 OR returned >= smallest_group) AS told
) AS judged;
COMMENT ON VIEW analytics_report_weekly_retention IS
    'The same as retention, by the ISO week of the first event: for a site whose single days are too small.';
COMMENT ON COLUMN analytics_report_weekly_retention.first_day IS 'Monday of the ISO week of the first event, UTC.';
COMMENT ON COLUMN analytics_report_weekly_retention.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_weekly_retention.people IS 'New people: those whose first event it was.';
COMMENT ON COLUMN analytics_report_weekly_retention.returned IS
    'Those of them who were active on one of the seven days after; null where too few, or not over yet.';
COMMENT ON COLUMN analytics_report_weekly_retention.retention_percent IS 'Returned in percent of people.';
COMMENT ON COLUMN analytics_report_weekly_retention.day_1 IS
    'Those of them who were active on day 1 after the first; null where too few, or not over yet.';
COMMENT ON COLUMN analytics_report_weekly_retention.day_2 IS
    'Those of them who were active on day 2 after the first; null where too few, or not over yet.';
COMMENT ON COLUMN analytics_report_weekly_retention.day_3 IS
    'Those of them who were active on day 3 after the first; null where too few, or not over yet.';
COMMENT ON COLUMN analytics_report_weekly_retention.day_4 IS
    'Those of them who were active on day 4 after the first; null where too few, or not over yet.';
COMMENT ON COLUMN analytics_report_weekly_retention.day_5 IS
    'Those of them who were active on day 5 after the first; null where too few, or not over yet.';
COMMENT ON COLUMN analytics_report_weekly_retention.day_6 IS
    'Those of them who were active on day 6 after the first; null where too few, or not over yet.';
COMMENT ON COLUMN analytics_report_weekly_retention.day_7 IS
    'Those of them who were active on day 7 after the first; null where too few, or not over yet.';
