-- Those who returned are a group as well, and not told where they are few (but not none); nor before their seven days are
-- over.
CREATE OR REPLACE VIEW analytics_report_retention WITH (security_barrier) AS
SELECT first_day, deployment_type, people,
       CASE WHEN told THEN returned END AS returned,
       CASE WHEN told THEN 100.0 * returned / people END AS retention_percent
FROM analytics_cohort
CROSS JOIN LATERAL (
    SELECT (first_day + 8)::timestamp AT TIME ZONE 'UTC' <= now()
           AND (returned = 0 OR returned >= (SELECT smallest_group FROM analytics_view_threshold)) AS told
) AS judged
WHERE deployment_type <> 'all' AND people >= (SELECT smallest_group FROM analytics_view_threshold);
COMMENT ON VIEW analytics_report_retention IS
    'Of the people who first signed in on a UTC day, how many signed in again on one of the seven days after it.';
