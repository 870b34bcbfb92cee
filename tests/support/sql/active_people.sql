-- Daily active people: those with a row in any of the three tables, by UTC day and deployment type.
-- Parameters: start, end (exclusive), deployment type or null for all. A day on which nobody came is a row with 0.
WITH days AS (
    SELECT generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 day', interval '1 day') AS day
), active AS (
    SELECT date_trunc('day', "timestamp", 'UTC') AS day, deployment_type, user_id
    FROM (SELECT "timestamp", deployment_type, user_id FROM analytics_user_activity
          UNION ALL SELECT "timestamp", deployment_type, user_id FROM analytics_endpoint_usage
          UNION ALL SELECT "timestamp", deployment_type, user_id FROM analytics_feature_usage) AS usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
      AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
)
SELECT (days.day AT TIME ZONE 'UTC')::date AS day,
       count(DISTINCT user_id) FILTER (WHERE deployment_type = 'cloud') AS cloud,
       count(DISTINCT user_id) FILTER (WHERE deployment_type = 'self_hosted') AS self_hosted,
       count(DISTINCT user_id) AS active_people
FROM days LEFT JOIN active USING (day)
GROUP BY days.day
ORDER BY days.day
