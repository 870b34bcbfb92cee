-- report_active_people.sql from the rollups: same columns, same parameters.
WITH days AS (
    SELECT generate_series((%(start)s::timestamptz AT TIME ZONE 'UTC')::date,
                           (%(end)s::timestamptz AT TIME ZONE 'UTC')::date - 1, '1 day')::date AS day
), active AS (
    SELECT day, deployment_type, people_signed_in
    FROM analytics_daily_activity
    WHERE day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
)
SELECT days.day,
       coalesce(sum(people_signed_in) FILTER (
           WHERE deployment_type = 'cloud' AND coalesce(%(deployment)s::varchar, 'cloud') = 'cloud'), 0) AS cloud,
       coalesce(sum(people_signed_in) FILTER (
           WHERE deployment_type = 'self_hosted'
             AND coalesce(%(deployment)s::varchar, 'self_hosted') = 'self_hosted'), 0) AS self_hosted,
       coalesce(sum(people_signed_in) FILTER (
           WHERE deployment_type = coalesce(%(deployment)s::varchar, 'all')), 0) AS active_people
FROM days LEFT JOIN active USING (day)
GROUP BY days.day
ORDER BY days.day
