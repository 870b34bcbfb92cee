-- A line for each UTC day, of what the reports have in full. Averages are in milliseconds and seconds. Parameters: first,
-- after (days), part (what was received is counted without it), today, smallest: a number is null where
-- the people it is about are fewer but not none.
WITH days AS (
    SELECT analytics_days(%(first)s, %(after)s) AS day
), cohorts AS (
    SELECT first_day AS day, people::bigint AS new_people,
           CASE WHEN %(today)s - first_day > 7 THEN returned::bigint END AS returned
    FROM analytics_cohort
    WHERE deployment_type = %(part)s
), features AS (
    SELECT day, sum(uses)::bigint AS uses
    FROM analytics_daily_feature
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
    GROUP BY day
), endpoints AS (
    SELECT day, sum(requests)::bigint AS requests, sum(errors)::bigint AS errors, sum(duration_ns) AS duration_ns
    FROM analytics_daily_endpoint
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
    GROUP BY day
), sessions AS (
    SELECT day, sum(sessions)::bigint AS sessions, sum(length_us) AS length_us
    FROM analytics_daily_sessions
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
    GROUP BY day
), received AS (
    SELECT day, sum(spans)::bigint AS received,
           coalesce(sum(spans) FILTER (WHERE outcome = 'rejected'), 0) AS rejected
    FROM analytics_ingest_tally
    WHERE outcome <> 'part' AND day >= %(first)s AND day < %(after)s
    GROUP BY day
), counted AS (
    SELECT days.day, coalesce(people, 0)::bigint AS active_people,
           coalesce(people_signed_in, 0)::bigint AS people_signed_in, coalesce(sign_ins, 0) AS sign_ins,
           coalesce(new_people, 0) AS new_people, returned,
           coalesce(uses, 0) AS uses, coalesce(requests, 0) AS requests, coalesce(errors, 0) AS errors, duration_ns,
           coalesce(sessions, 0) AS sessions, length_us,
           coalesce(received, 0) AS received, coalesce(rejected, 0)::bigint AS rejected,
           uses IS NULL OR analytics_is_told(greatest(people_using_features, 1), %(smallest)s) AS features_large,
           requests IS NULL OR analytics_is_told(greatest(people_requesting, 1), %(smallest)s) AS requests_large,
           sessions IS NULL OR analytics_is_told(greatest(people_in_sessions, 1), %(smallest)s) AS sessions_large
    FROM days
    LEFT JOIN analytics_daily_activity activity
        ON activity.day = days.day AND activity.deployment_type = %(part)s
    LEFT JOIN cohorts ON cohorts.day = days.day
    LEFT JOIN features ON features.day = days.day
    LEFT JOIN endpoints ON endpoints.day = days.day
    LEFT JOIN sessions ON sessions.day = days.day
    LEFT JOIN received ON received.day = days.day
), judged AS (
    SELECT *, analytics_is_told(active_people, %(smallest)s) AS active_large,
           analytics_is_told(people_signed_in, %(smallest)s) AS signed_in_large,
           analytics_is_told(new_people, %(smallest)s) AS new_large
    FROM counted
)
SELECT day, CASE WHEN active_large THEN active_people END AS active_people,
       CASE WHEN signed_in_large THEN people_signed_in END AS people_signed_in,
       CASE WHEN signed_in_large THEN sign_ins END AS sign_ins,
       CASE WHEN new_large THEN new_people END AS new_people,
       CASE WHEN new_large AND analytics_is_told(returned, %(smallest)s) THEN returned END AS returned,
       CASE WHEN features_large THEN uses END AS feature_uses,
       CASE WHEN requests_large THEN requests END AS requests,
       CASE WHEN requests_large THEN errors END AS errors,
       CASE WHEN requests_large THEN (duration_ns / requests)::float8 / 1e6 END AS avg_ms,
       CASE WHEN sessions_large THEN sessions END AS sessions,
       CASE WHEN sessions_large THEN (length_us / sessions)::float8 / 1e6 END AS avg_session_s,
       received, rejected
FROM judged
ORDER BY day
