-- Active people by month (UTC), for good: the months the range touches, each whole. Nulls as in active_people.sql.
WITH months AS (
    SELECT generate_series(date_trunc('month', %(first)s::timestamp),
                           %(after)s::timestamp - interval '1 day', '1 month')::date AS month
), counted AS (
    SELECT months.month,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = 'cloud' AND %(part)s IN ('all', 'cloud')), 0) AS cloud,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = 'self_hosted' AND %(part)s IN ('all', 'self_hosted')), 0) AS self_hosted,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = %(part)s), 0) AS active_people
    FROM months LEFT JOIN analytics_monthly_people people ON people.month = months.month AND measure = 'any'
    GROUP BY months.month
), judged AS (
    SELECT *, analytics_is_told(cloud, %(smallest)s)
              AND analytics_is_told(self_hosted, %(smallest)s) AS parts_are_large
    FROM counted
)
SELECT to_char(month, 'YYYY-MM') AS month,
       CASE WHEN parts_are_large THEN cloud END AS cloud,
       CASE WHEN parts_are_large THEN self_hosted END AS self_hosted,
       CASE WHEN analytics_is_told(active_people, %(smallest)s) THEN active_people END AS active_people
FROM judged
ORDER BY month
