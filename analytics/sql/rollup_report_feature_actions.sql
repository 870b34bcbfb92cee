-- report_feature_actions.sql from the rollups: same columns, same parameters. Nulls as in
-- rollup_report_feature_adoption.sql.
WITH uses AS (
    SELECT feature_name, action, sum(uses)::bigint AS total_uses
    FROM analytics_daily_feature
    WHERE day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
      AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
      AND (%(name)s::text IS NULL OR strpos(lower(feature_name), lower(%(name)s)) > 0)
    GROUP BY feature_name, action
), judged AS (
    SELECT feature_name, action, people, total_uses, coalesce(at_least, 1) >= %(smallest)s::integer AS large
    FROM uses LEFT JOIN analytics_people_by_name(
        'action', (%(start)s::timestamptz AT TIME ZONE 'UTC')::date, (%(end)s::timestamptz AT TIME ZONE 'UTC')::date,
        %(deployment)s) of_name ON of_name.name = feature_name || ' ' || action
)
SELECT feature_name, action, CASE WHEN large THEN people END AS unique_users,
       CASE WHEN large THEN total_uses END AS total_uses
FROM judged
ORDER BY feature_name, total_uses DESC NULLS LAST, action
