-- A line for each month (UTC) of the range: its active people, how many were active on an average day, and the share of the
-- two. Both are numbers as they are shown. Days that are not over, and those before the first with people, are left out; the
-- average is null where a day of the month is hidden. Parameters: first, after (days), today, part, smallest.
WITH months AS (
    SELECT generate_series(date_trunc('month', %(first)s::timestamp),
                           %(after)s::timestamp - interval '1 day', '1 month')::date AS month
), days AS (
    SELECT date_trunc('month', days.day::timestamp)::date AS month,
           CASE WHEN bool_and(shown IS NOT NULL) THEN avg(shown)::float8 END AS average_a_day
    FROM analytics_days((SELECT min(month) FROM months), (SELECT (max(month) + interval '1 month')::date FROM months)) AS days (day)
    LEFT JOIN analytics_daily_activity activity ON activity.day = days.day AND deployment_type = %(part)s
    CROSS JOIN LATERAL (
        SELECT analytics_shown_people(coalesce(activity.people, 0), activity.noise[1], %(smallest)s) AS shown
    ) AS of_day
    WHERE days.day < %(today)s
      AND days.day >= (SELECT min(day) FROM analytics_daily_activity WHERE people > 0 AND deployment_type = %(part)s)
    GROUP BY 1
), people AS (
    SELECT months.month, analytics_shown_people(coalesce(of_month.people, 0), noise, %(smallest)s) AS active_people
    FROM months LEFT JOIN analytics_monthly_people of_month
        ON of_month.month = months.month AND measure = 'any' AND deployment_type = %(part)s
)
SELECT to_char(month, 'YYYY-MM') AS month, active_people, average_a_day,
       100.0 * average_a_day / nullif(active_people, 0) AS share_percent
FROM people LEFT JOIN days USING (month)
ORDER BY month
