-- Sign-ins by UTC day, of how many people. Parameters: first, after (days), part, smallest: both are null where the people
-- are too few.
SELECT days.day,
       CASE WHEN shown IS NOT NULL
            THEN greatest(analytics_shown_events(coalesce(sign_ins, 0), people_signed_in, noise[2], 1, %(smallest)s), 0)
            END AS sign_ins,
       shown AS people
FROM analytics_days(%(first)s, %(after)s) AS days (day)
LEFT JOIN analytics_daily_activity activity ON activity.day = days.day AND deployment_type = %(part)s
CROSS JOIN LATERAL (
    SELECT analytics_shown_people(coalesce(people_signed_in, 0), noise[2], %(smallest)s) AS shown
) AS people
ORDER BY days.day
