-- Retention by the day of the first event, as analytics_retention() in told.sql shows it. Parameters: first, after (days),
-- part, today, smallest.
SELECT first_day, shown.*
FROM analytics_cohort cohort
CROSS JOIN LATERAL analytics_retention(
    cohort.people, cohort.returned, returned_on, noise, %(today)s - first_day - 1, %(smallest)s) AS shown
WHERE first_day >= %(first)s AND first_day < %(after)s AND deployment_type = %(part)s
ORDER BY first_day
