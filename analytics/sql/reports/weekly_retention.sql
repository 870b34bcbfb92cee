-- The same by the ISO week (from Monday, UTC) of the first event: the weeks the range touches, each whole. Day n is judged
-- once it is over for all of the week. Parameters: first, after (days), part, today, smallest.
WITH weeks AS (
    SELECT date_trunc('week', first_day::timestamp)::date AS first_day,
           sum(people) AS people, sum(returned) AS returned, analytics_sum_of_days(returned_on) AS returned_on,
           analytics_sum_of_noise(noise) AS noise
    FROM analytics_cohort
    WHERE first_day >= date_trunc('week', %(first)s::timestamp)::date
      AND first_day < date_trunc('week', (%(after)s - 1)::timestamp)::date + 7
      AND deployment_type = %(part)s
    GROUP BY date_trunc('week', first_day::timestamp)::date
)
SELECT to_char(first_day, 'IYYY-"W"IW') AS week, first_day, shown.*
FROM weeks
CROSS JOIN LATERAL analytics_retention(
    weeks.people, weeks.returned, returned_on, noise, %(today)s - first_day - 7, %(smallest)s) AS shown
ORDER BY first_day
