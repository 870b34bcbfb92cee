-- Retention by the ISO week (from Monday, UTC) of the first event: the weeks the range touches, each whole. Columns but
-- the week, parameters and nulls as in rollup_report_retention.sql; day n is judged once it is over for all of the week.
WITH cohorts AS (
    SELECT date_trunc('week', first_day::timestamp)::date AS first_day,
           sum(people)::bigint AS people, sum(returned)::bigint AS returned,
           (%(now)s AT TIME ZONE 'UTC')::date - (date_trunc('week', first_day::timestamp)::date + 6) - 1 AS days_over,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[1]) END::bigint AS day_1,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[2]) END::bigint AS day_2,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[3]) END::bigint AS day_3,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[4]) END::bigint AS day_4,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[5]) END::bigint AS day_5,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[6]) END::bigint AS day_6,
           CASE WHEN bool_and(cardinality(returned_on) = 7) THEN sum(returned_on[7]) END::bigint AS day_7
    FROM analytics_cohort
    WHERE first_day >= date_trunc('week', %(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND first_day < date_trunc('week', %(end)s::timestamptz AT TIME ZONE 'UTC' - interval '1 day')::date + 7
      AND deployment_type = coalesce(%(deployment)s::varchar, 'all')
    GROUP BY date_trunc('week', first_day::timestamp)::date
), judged AS (
    SELECT *, people >= %(smallest)s::integer AS large,
           people >= %(smallest)s::integer AND days_over >= 7 AND returned NOT BETWEEN 1 AND %(smallest)s::integer - 1 AS told
    FROM cohorts
)
SELECT to_char(first_day, 'IYYY-"W"IW') AS week, first_day, CASE WHEN large THEN people END AS people, CASE WHEN told THEN returned END AS returned,
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
