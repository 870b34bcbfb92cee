-- Daily active people, by UTC day and deployment type. A day on which nobody came is a row with 0. A cell about fewer people than `smallest`,
-- but not none, is null; so are both parts of a sum where either is, because each is the sum without the other.
WITH days AS (
    SELECT analytics_days(%(first)s, %(after)s) AS day
), active AS (
    SELECT day, deployment_type, people
    FROM analytics_daily_activity
    WHERE day >= %(first)s AND day < %(after)s
), counted AS (
    SELECT days.day,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = 'cloud' AND %(part)s IN ('all', 'cloud')), 0) AS cloud,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = 'self_hosted' AND %(part)s IN ('all', 'self_hosted')), 0) AS self_hosted,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = %(part)s), 0) AS active_people
    FROM days LEFT JOIN active USING (day)
    GROUP BY days.day
), judged AS (
    SELECT *, analytics_is_told(cloud, %(smallest)s)
              AND analytics_is_told(self_hosted, %(smallest)s) AS parts_are_large
    FROM counted
)
SELECT day, CASE WHEN parts_are_large THEN cloud END AS cloud,
       CASE WHEN parts_are_large THEN self_hosted END AS self_hosted,
       CASE WHEN analytics_is_told(active_people, %(smallest)s) THEN active_people END AS active_people
FROM judged
ORDER BY day
