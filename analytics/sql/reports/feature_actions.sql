-- People and uses by feature and action. Nulls as in feature_adoption.sql.
WITH uses AS (
    SELECT feature_name, action, sum(uses)::bigint AS total_uses
    FROM analytics_daily_feature
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
      AND (%(name)s = '' OR strpos(lower(feature_name), lower(%(name)s)) > 0)
    GROUP BY feature_name, action
), people AS MATERIALIZED (
    -- Once: without statistics of the day's rows, the planner would have it counted again for each name.
    SELECT name, people AS number, at_least FROM analytics_people_by_name('action', %(first)s, %(after)s, %(part)s)
), judged AS (
    SELECT feature_name, action, number AS people, total_uses, analytics_is_told(coalesce(at_least, 1), %(smallest)s) AS large
    FROM uses LEFT JOIN people ON people.name = feature_name || ' ' || action
)
SELECT feature_name, action, CASE WHEN large THEN people END AS unique_users,
       CASE WHEN large THEN total_uses END AS total_uses
FROM judged
ORDER BY feature_name, total_uses DESC NULLS LAST, action
