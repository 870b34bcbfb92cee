-- Sessions by UTC day: how many, and how long from their first to their last event of the day, in seconds. A session that
-- goes on past midnight counts on both days; the time across midnight is in neither. One id in both deployment types is two
-- sessions. Parameters: start, end (exclusive), deployment type or null for all. A day without any is a row with 0.
WITH sessions AS (
    SELECT (date_trunc('day', "timestamp", 'UTC') AT TIME ZONE 'UTC')::date AS day,
           extract(epoch FROM max("timestamp") - min("timestamp"))::float8 AS length_s
    FROM analytics_user_activity
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s AND session_id IS NOT NULL
      AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
    GROUP BY 1, deployment_type, session_id
), days AS (
    SELECT generate_series((%(start)s::timestamptz AT TIME ZONE 'UTC')::date,
                           (%(end)s::timestamptz AT TIME ZONE 'UTC')::date - 1, '1 day')::date AS day
)
SELECT day, count(length_s) AS sessions, avg(length_s) AS avg_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY length_s) AS p50_s,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY length_s) AS p95_s
FROM days LEFT JOIN sessions USING (day)
GROUP BY day
ORDER BY day
