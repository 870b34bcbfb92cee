-- A line for each UTC day, of what the reports have in full. Averages are in milliseconds and seconds. Parameters: first,
-- after (days), part, today, smallest: a number is null where the people it is
-- about are too few.
WITH days AS (
    SELECT analytics_days(%(first)s, %(after)s) AS day
), cohorts AS (
    SELECT first_day AS day, shown.people AS new_people, shown.returned, retention_percent
    FROM analytics_cohort cohort
    CROSS JOIN LATERAL analytics_retention(
        cohort.people, cohort.returned, returned_on, noise, %(today)s - first_day - 1, %(smallest)s) AS shown
    WHERE deployment_type = %(part)s
), features AS (
    SELECT day, sum(analytics_shown_events(uses, people, noise, 1, %(smallest)s))::bigint AS uses
    FROM analytics_daily_feature
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
    GROUP BY day
), endpoints AS (
    SELECT day, greatest(sum(analytics_shown_events(requests, people, noise, 1, %(smallest)s)), 1)::bigint AS requests,
           greatest(sum(analytics_shown_events(errors, people, noise, 2, %(smallest)s)), 0)::bigint AS errors,
           (sum(duration_ns) / sum(requests))::float8 / 1e6 AS avg_ms
    FROM analytics_daily_endpoint
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
    GROUP BY day
), sessions AS (
    SELECT day, sum(analytics_shown_events(sessions, people_in_sessions, noise[3], 1, %(smallest)s))::bigint AS sessions,
           (sum(length_us) / sum(sessions))::float8 / 1e6 AS avg_s
    FROM analytics_daily_sessions JOIN analytics_daily_activity USING (day, deployment_type)
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type)
    GROUP BY day
), people AS (
    SELECT day, sign_ins, people_signed_in, noise, analytics_percentile(buckets, counts, 0.95) AS p95_ms,
           analytics_shown_people(people, noise[1], %(smallest)s) AS active,
           analytics_shown_people(people_signed_in, noise[2], %(smallest)s) AS signed_in,
           analytics_shown_people(people_in_sessions, noise[3], %(smallest)s) IS NOT NULL AS sessions_large,
           analytics_shown_people(people_using_features, noise[4], %(smallest)s) IS NOT NULL AS features_large,
           analytics_shown_people(people_requesting, noise[5], %(smallest)s) IS NOT NULL AS requests_large
    FROM analytics_daily_activity
    WHERE day >= %(first)s AND day < %(after)s AND deployment_type = %(part)s
)
SELECT days.day, CASE WHEN people.day IS NULL THEN 0 ELSE active END AS active_people,
       CASE WHEN uses IS NULL THEN 0 WHEN features_large THEN greatest(uses, 0) END AS feature_uses, retention_percent,
       CASE WHEN requests_large THEN 100.0 * least(errors, requests) / requests END AS error_percent,
       CASE WHEN requests_large THEN p95_ms END AS p95_ms,
       CASE WHEN people.day IS NULL THEN 0 ELSE signed_in END AS people_signed_in,
       CASE WHEN people.day IS NULL THEN 0
            WHEN signed_in IS NOT NULL
            THEN greatest(analytics_shown_events(sign_ins, people_signed_in, noise[2], 1, %(smallest)s), 0) END AS sign_ins,
       CASE WHEN cohorts.day IS NULL THEN 0 ELSE new_people END AS new_people, returned,
       CASE WHEN requests IS NULL THEN 0 WHEN requests_large THEN requests END AS requests,
       CASE WHEN requests IS NULL THEN 0 WHEN requests_large THEN least(errors, requests) END AS errors,
       CASE WHEN requests_large THEN avg_ms END AS avg_ms,
       CASE WHEN sessions IS NULL THEN 0 WHEN sessions_large THEN greatest(sessions, 0) END AS sessions,
       CASE WHEN sessions_large THEN avg_s END AS avg_session_s
FROM days
LEFT JOIN people ON people.day = days.day
LEFT JOIN cohorts ON cohorts.day = days.day
LEFT JOIN features ON features.day = days.day
LEFT JOIN endpoints ON endpoints.day = days.day
LEFT JOIN sessions ON sessions.day = days.day
ORDER BY days.day
