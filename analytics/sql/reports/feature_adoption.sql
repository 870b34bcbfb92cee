-- People and uses by feature. People are null where they cannot be told
-- apart any more (see people_by_name.sql); people and uses where the people are fewer than `smallest`.
WITH uses AS (
    SELECT feature_name, sum(uses)::bigint AS total_uses
    FROM analytics_daily_feature
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
      AND (%(name)s = '' OR strpos(lower(feature_name), lower(%(name)s)) > 0)
    GROUP BY feature_name
), people AS MATERIALIZED (
    -- Once: without statistics of the day's rows, the planner would have it counted again for each name.
    SELECT name, people AS number, at_least FROM analytics_people_by_name('feature', %(first)s, %(after)s, %(part)s)
), judged AS (
    SELECT feature_name, number AS people, total_uses, analytics_is_told(coalesce(at_least, 1), %(smallest)s) AS large
    FROM uses LEFT JOIN people ON people.name = feature_name
)
SELECT feature_name, CASE WHEN large THEN people END AS unique_users, CASE WHEN large THEN total_uses END AS total_uses
FROM judged
ORDER BY unique_users DESC NULLS LAST, total_uses DESC NULLS LAST, feature_name
