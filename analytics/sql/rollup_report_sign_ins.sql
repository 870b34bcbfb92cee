-- Sign-ins by UTC day, of how many people. Parameters: start, end (exclusive), deployment type or null for all, smallest:
-- both are null where the people are fewer but not none.
WITH days AS (
    SELECT generate_series((%(start)s::timestamptz AT TIME ZONE 'UTC')::date,
                           (%(end)s::timestamptz AT TIME ZONE 'UTC')::date - 1, '1 day')::date AS day
), counted AS (
    SELECT days.day, coalesce(sign_ins, 0) AS sign_ins, coalesce(people_signed_in, 0)::bigint AS people
    FROM days LEFT JOIN analytics_daily_activity activity
        ON activity.day = days.day AND activity.deployment_type = coalesce(%(deployment)s::varchar, 'all')
)
SELECT day, CASE WHEN people NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN sign_ins END AS sign_ins,
       CASE WHEN people NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN people END AS people
FROM counted
ORDER BY day
