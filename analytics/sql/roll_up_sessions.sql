-- A day's sessions, their lengths from the first to the last event of the day, and whose they are. Parameters: day, start,
-- end.
WITH sessions AS (
    SELECT deployment_type,
           (extract(epoch FROM max("timestamp") - min("timestamp")) * 1000000)::bigint AS length_us
    FROM analytics_user_activity
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s AND session_id IS NOT NULL
    GROUP BY deployment_type, session_id
), buckets AS (
    SELECT deployment_type, analytics_bucket(length_us) AS bucket, count(*) AS sessions, sum(length_us) AS length_us
    FROM sessions GROUP BY deployment_type, bucket
), totals AS (
    SELECT deployment_type, sum(sessions) AS sessions, sum(length_us) AS length_us,
           array_agg(bucket ORDER BY bucket) AS buckets, array_agg(sessions ORDER BY bucket) AS counts
    FROM buckets GROUP BY deployment_type
), people AS (
    SELECT deployment_type, count(DISTINCT user_id) AS people
    FROM analytics_user_activity
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s AND session_id IS NOT NULL
    GROUP BY deployment_type
)
INSERT INTO analytics_daily_sessions (day, deployment_type, sessions, length_us, buckets, counts, people)
SELECT %(day)s, deployment_type, sessions, length_us, buckets, counts, people
FROM totals JOIN people USING (deployment_type)
