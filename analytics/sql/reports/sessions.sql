-- Sessions and their lengths by UTC day; percentiles within 2 percent. A day's numbers
-- are null where fewer people than `smallest` had a session.
WITH chosen AS (
    SELECT daily.*, analytics_shown_events(sessions, people_in_sessions, noise[3], 1, %(smallest)s) AS shown
    FROM analytics_daily_sessions daily JOIN analytics_daily_activity USING (day, deployment_type)
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
), totals AS (
    SELECT day, sum(sessions)::bigint AS sessions, sum(shown)::bigint AS shown, sum(length_us) AS length_us
    FROM chosen GROUP BY day
), histogram AS (
    SELECT day, bucket, sum(sessions_of_bucket)::bigint AS sessions_of_bucket
    FROM chosen CROSS JOIN LATERAL unnest(buckets, counts) AS histogram (bucket, sessions_of_bucket)
    GROUP BY day, bucket
), ranked AS (
    SELECT day, bucket, sum(sessions_of_bucket) OVER (PARTITION BY day ORDER BY bucket)::bigint AS up_to
    FROM histogram
), percentiles AS (
    SELECT day, share,
           analytics_between(
               min(bucket) FILTER (WHERE up_to > floor(share * (sessions - 1))),
               min(bucket) FILTER (WHERE up_to > ceil(share * (sessions - 1))),
               share * (sessions - 1)) / 1e6 AS seconds
    FROM ranked JOIN totals USING (day)
    CROSS JOIN (VALUES (0.5::float8), (0.95)) AS shares (share)
    GROUP BY day, share, sessions
), days AS (
    SELECT analytics_days(%(first)s, %(after)s) AS day
), judged AS (
    SELECT days.day, sessions, shown, length_us,
           analytics_shown_people(people_in_sessions, noise[3], %(smallest)s) IS NOT NULL AS large
    FROM days LEFT JOIN totals USING (day)
    LEFT JOIN analytics_daily_activity activity
        ON activity.day = days.day AND activity.deployment_type = %(part)s
)
SELECT day, CASE WHEN sessions IS NULL THEN 0 WHEN large THEN greatest(shown, 0) END AS sessions,
       CASE WHEN large THEN (length_us / sessions)::float8 / 1e6 END AS avg_s,
       CASE WHEN large THEN max(seconds) FILTER (WHERE share = 0.5) END AS p50_s,
       CASE WHEN large THEN max(seconds) FILTER (WHERE share = 0.95) END AS p95_s
FROM judged LEFT JOIN percentiles USING (day)
GROUP BY day, sessions, shown, length_us, large
ORDER BY day
