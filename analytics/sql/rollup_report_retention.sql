-- report_retention.sql from the rollups: same columns, same parameters. A cohort, or a number of those who returned, that
-- is fewer than `smallest` but not none is null. Each single day is null where it was not kept.
WITH cohorts AS (
    SELECT first_day, people::bigint, returned::bigint,
           (%(now)s AT TIME ZONE 'UTC')::date - first_day - 1 AS days_over,
           returned_on[1]::bigint AS day_1, returned_on[2]::bigint AS day_2, returned_on[3]::bigint AS day_3,
           returned_on[4]::bigint AS day_4, returned_on[5]::bigint AS day_5, returned_on[6]::bigint AS day_6,
           returned_on[7]::bigint AS day_7
    FROM analytics_cohort
    WHERE first_day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND first_day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
      AND deployment_type = coalesce(%(deployment)s::varchar, 'all')
), judged AS (
    SELECT *, people >= %(smallest)s::integer AS large,
           people >= %(smallest)s::integer AND days_over >= 7 AND returned NOT BETWEEN 1 AND %(smallest)s::integer - 1 AS told
    FROM cohorts
)
SELECT first_day, CASE WHEN large THEN people END AS people, CASE WHEN told THEN returned END AS returned,
       CASE WHEN told THEN 100.0 * returned / people END AS retention_percent,
       CASE WHEN large AND days_over >= 1 AND day_1 NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN day_1 END AS day_1,
       CASE WHEN large AND days_over >= 2 AND day_2 NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN day_2 END AS day_2,
       CASE WHEN large AND days_over >= 3 AND day_3 NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN day_3 END AS day_3,
       CASE WHEN large AND days_over >= 4 AND day_4 NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN day_4 END AS day_4,
       CASE WHEN large AND days_over >= 5 AND day_5 NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN day_5 END AS day_5,
       CASE WHEN large AND days_over >= 6 AND day_6 NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN day_6 END AS day_6,
       CASE WHEN large AND days_over >= 7 AND day_7 NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN day_7 END AS day_7
FROM judged
ORDER BY first_day
