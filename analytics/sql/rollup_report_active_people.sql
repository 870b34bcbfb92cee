-- report_active_people.sql from the rollups: same columns, same parameters. A cell about fewer people than `smallest`,
-- but not none, is null; so are both parts of a sum where either is, because each is the sum without the other.
WITH days AS (
    SELECT generate_series((%(start)s::timestamptz AT TIME ZONE 'UTC')::date,
                           (%(end)s::timestamptz AT TIME ZONE 'UTC')::date - 1, '1 day')::date AS day
), active AS (
    SELECT day, deployment_type, people
    FROM analytics_daily_activity
    WHERE day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
), counted AS (
    SELECT days.day,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = 'cloud' AND coalesce(%(deployment)s::varchar, 'cloud') = 'cloud'), 0) AS cloud,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = 'self_hosted'
                 AND coalesce(%(deployment)s::varchar, 'self_hosted') = 'self_hosted'), 0) AS self_hosted,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = coalesce(%(deployment)s::varchar, 'all')), 0) AS active_people
    FROM days LEFT JOIN active USING (day)
    GROUP BY days.day
), judged AS (
    SELECT *, cloud NOT BETWEEN 1 AND %(smallest)s::integer - 1
              AND self_hosted NOT BETWEEN 1 AND %(smallest)s::integer - 1 AS parts_are_large
    FROM counted
)
SELECT day, CASE WHEN parts_are_large THEN cloud END AS cloud,
       CASE WHEN parts_are_large THEN self_hosted END AS self_hosted,
       CASE WHEN active_people NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN active_people END AS active_people
FROM judged
ORDER BY day
