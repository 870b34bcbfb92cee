-- A day's sessions and their lengths, from the first to the last event of the day; one id in both deployment types is two
-- sessions. A day needs no other day's rows, so a late row never owes two days. Parameters: day, start, end.
WITH sessions AS (
    SELECT deployment_type,
           (extract(epoch FROM max("timestamp") - min("timestamp")) * 1000000)::bigint AS length_us
    FROM analytics_user_activity
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s AND session_id IS NOT NULL
    GROUP BY deployment_type, session_id
), buckets AS (
    SELECT deployment_type, analytics_bucket(length_us) AS bucket, count(*) AS sessions, sum(length_us) AS length_us
    FROM sessions GROUP BY deployment_type, bucket
)
INSERT INTO analytics_daily_sessions (day, deployment_type, sessions, length_us, buckets, counts)
SELECT %(day)s, deployment_type, sum(sessions), sum(length_us),
       array_agg(bucket ORDER BY bucket), array_agg(sessions ORDER BY bucket)
FROM buckets
GROUP BY deployment_type
