-- Active people by month (UTC), for good: the months the range touches, each whole. Parameters: start, end
-- (exclusive), deployment type or null for all, smallest (see rollup_report_active_people.sql).
WITH months AS (
    SELECT generate_series(date_trunc('month', %(start)s::timestamptz AT TIME ZONE 'UTC'),
                           (%(end)s::timestamptz AT TIME ZONE 'UTC') - interval '1 day', '1 month')::date AS month
), counted AS (
    SELECT months.month,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = 'cloud' AND coalesce(%(deployment)s::varchar, 'cloud') = 'cloud'), 0) AS cloud,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = 'self_hosted'
                 AND coalesce(%(deployment)s::varchar, 'self_hosted') = 'self_hosted'), 0) AS self_hosted,
           coalesce(sum(people) FILTER (
               WHERE deployment_type = coalesce(%(deployment)s::varchar, 'all')), 0) AS active_people
    FROM months LEFT JOIN analytics_monthly_people people ON people.month = months.month AND measure = 'any'
    GROUP BY months.month
), judged AS (
    SELECT *, cloud NOT BETWEEN 1 AND %(smallest)s::integer - 1
              AND self_hosted NOT BETWEEN 1 AND %(smallest)s::integer - 1 AS parts_are_large
    FROM counted
)
SELECT to_char(month, 'YYYY-MM') AS month,
       CASE WHEN parts_are_large THEN cloud END AS cloud,
       CASE WHEN parts_are_large THEN self_hosted END AS self_hosted,
       CASE WHEN active_people NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN active_people END AS active_people
FROM judged
ORDER BY month
