-- 7-day retention: of the people whose first event of any kind is on a day of the range, how many were active again on one
-- of the seven days after it, and on each of them. Parameters: start, end (exclusive), deployment type or null for all, now.
--
-- Unlike the original note's query: any event counts, not sign-ins alone; a second one on the first day is no return; a
-- cohort is not judged by days that are not over yet (null); nothing is divided by zero.
WITH active AS (
    SELECT DISTINCT user_id, ("timestamp" AT TIME ZONE 'UTC')::date AS day
    FROM (SELECT "timestamp", deployment_type, user_id FROM analytics_user_activity
          UNION ALL SELECT "timestamp", deployment_type, user_id FROM analytics_endpoint_usage
          UNION ALL SELECT "timestamp", deployment_type, user_id FROM analytics_feature_usage) AS usage
    WHERE %(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s
), firsts AS (
    SELECT user_id, min(day) AS first_day FROM active GROUP BY user_id
), people AS (
    SELECT first_day, firsts.user_id, array_agg(day - first_day) AS came
    FROM firsts JOIN active USING (user_id)
    WHERE first_day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND first_day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
    GROUP BY first_day, firsts.user_id
), cohorts AS (
    SELECT first_day, count(*) AS people,
           (%(now)s AT TIME ZONE 'UTC')::date - first_day - 1 AS days_over,
           count(*) FILTER (WHERE came && ARRAY[1, 2, 3, 4, 5, 6, 7]) AS returned,
           count(*) FILTER (WHERE 1 = ANY(came)) AS day_1, count(*) FILTER (WHERE 2 = ANY(came)) AS day_2,
           count(*) FILTER (WHERE 3 = ANY(came)) AS day_3, count(*) FILTER (WHERE 4 = ANY(came)) AS day_4,
           count(*) FILTER (WHERE 5 = ANY(came)) AS day_5, count(*) FILTER (WHERE 6 = ANY(came)) AS day_6,
           count(*) FILTER (WHERE 7 = ANY(came)) AS day_7
    FROM people GROUP BY first_day
)
SELECT first_day, people, CASE WHEN days_over >= 7 THEN returned END AS returned,
       CASE WHEN days_over >= 7 THEN 100.0 * returned / people END AS retention_percent,
       CASE WHEN days_over >= 1 THEN day_1 END AS day_1, CASE WHEN days_over >= 2 THEN day_2 END AS day_2,
       CASE WHEN days_over >= 3 THEN day_3 END AS day_3, CASE WHEN days_over >= 4 THEN day_4 END AS day_4,
       CASE WHEN days_over >= 5 THEN day_5 END AS day_5, CASE WHEN days_over >= 6 THEN day_6 END AS day_6,
       CASE WHEN days_over >= 7 THEN day_7 END AS day_7
FROM cohorts
ORDER BY first_day
