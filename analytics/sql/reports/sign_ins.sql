-- Sign-ins by UTC day, of how many people. Parameters: first, after (days), part, smallest: both are null
-- where the people are fewer but not none.
WITH days AS (
    SELECT analytics_days(%(first)s, %(after)s) AS day
), counted AS (
    SELECT days.day, coalesce(sign_ins, 0) AS sign_ins, coalesce(people_signed_in, 0)::bigint AS people
    FROM days LEFT JOIN analytics_daily_activity activity
        ON activity.day = days.day AND activity.deployment_type = %(part)s
)
SELECT day, CASE WHEN analytics_is_told(people, %(smallest)s) THEN sign_ins END AS sign_ins,
       CASE WHEN analytics_is_told(people, %(smallest)s) THEN people END AS people
FROM counted
ORDER BY day
