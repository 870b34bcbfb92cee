-- People and uses by feature and action.
-- People are null where they can no longer be told apart (see people_by_name.sql), and in ranges over which people are not
-- counted. People and uses are null where the people are too few.
-- Parameters: first, after (days), part, name, counted, smallest.
WITH uses AS (
    SELECT feature_name, action, sum(analytics_shown_events(uses, people, noise, 1, %(smallest)s))::bigint AS uses
    FROM analytics_daily_feature
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
      AND (%(name)s = '' OR strpos(lower(feature_name), lower(%(name)s)) > 0)
    GROUP BY feature_name, action
), people AS MATERIALIZED (
    -- Once: without statistics of the day's rows, the planner would have it counted again for each name.
    SELECT name, analytics_shown_people(people, noise, %(smallest)s) AS shown,
           analytics_shown_people(at_least, noise, %(smallest)s) IS NOT NULL AS large
    FROM analytics_people_by_name('action', %(first)s, %(after)s, %(part)s)
)
SELECT feature_name, action, CASE WHEN large AND %(counted)s THEN shown END AS unique_users,
       CASE WHEN coalesce(large, %(smallest)s = 1) THEN greatest(uses, 0) END AS total_uses
FROM uses LEFT JOIN people ON people.name = feature_name || ' ' || action
ORDER BY feature_name, total_uses DESC NULLS LAST, action
