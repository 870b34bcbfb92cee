-- report_retention.sql from the rollups: same columns, same parameters.
SELECT first_day, people::bigint,
       CASE WHEN judged THEN returned::bigint END AS returned,
       CASE WHEN judged THEN 100.0 * returned / people END AS retention_percent
FROM analytics_cohort
CROSS JOIN LATERAL (SELECT (first_day + 8)::timestamp AT TIME ZONE 'UTC' <= %(now)s) AS age (judged)
WHERE first_day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
  AND first_day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
  AND deployment_type = coalesce(%(deployment)s::varchar, 'all')
ORDER BY first_day
