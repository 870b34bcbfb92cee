-- Distinct people by month, for good: with any row, signed in, and by feature. Parameters: start, end (exclusive), both
-- the first instant of a month; deployment type or null for all.
SELECT month, measure, name, people::bigint
FROM analytics_monthly_people
WHERE month >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
  AND month < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
  AND deployment_type = coalesce(%(deployment)s::varchar, 'all')
ORDER BY month, measure, name
