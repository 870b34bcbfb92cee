-- 7-day retention: of the people who first signed in on a day of the range, how many signed in again on one of the
-- seven days after it. Parameters: start, end (exclusive), deployment type or null for all, now.
--
-- Unlike the original note's query: a second sign-in on the first day is no return; a cohort whose seven days are not
-- over yet is not judged (returned and percent are null); nothing is divided by zero.
WITH sign_ins AS (
    SELECT DISTINCT user_id, date_trunc('day', "timestamp", 'UTC') AS day
    FROM analytics_user_activity
    WHERE event_type = 'login' AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
), firsts AS (
    SELECT user_id, min(day) AS cohort FROM sign_ins GROUP BY user_id
), people AS (
    SELECT cohort, user_id,
           EXISTS (SELECT FROM sign_ins s WHERE s.user_id = f.user_id
                   AND s.day > f.cohort AND s.day <= f.cohort + interval '7 days') AS came_back
    FROM firsts f
    WHERE cohort >= %(start)s AND cohort < %(end)s
)
SELECT (cohort AT TIME ZONE 'UTC')::date AS first_day, count(*) AS people,
       CASE WHEN cohort + interval '8 days' <= %(now)s THEN count(*) FILTER (WHERE came_back) END AS returned,
       CASE WHEN cohort + interval '8 days' <= %(now)s
            THEN 100.0 * count(*) FILTER (WHERE came_back) / count(*) END AS retention_percent
FROM people
GROUP BY cohort
ORDER BY cohort
