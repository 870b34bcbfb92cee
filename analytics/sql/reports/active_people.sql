-- Daily active people, by UTC day and deployment type. A day on which nobody came is a row with 0. Parameters: first, after
-- (days), part, smallest.
SELECT days.day,
       analytics_shown_people(coalesce(cloud.people, 0), cloud.noise[1], %(smallest)s) AS cloud,
       analytics_shown_people(coalesce(self_hosted.people, 0), self_hosted.noise[1], %(smallest)s) AS self_hosted,
       analytics_shown_people(coalesce(active.people, 0), active.noise[1], %(smallest)s) AS active_people
FROM analytics_days(%(first)s, %(after)s) AS days (day)
LEFT JOIN analytics_daily_activity cloud
    ON cloud.day = days.day AND cloud.deployment_type = 'cloud' AND %(part)s IN ('all', 'cloud')
LEFT JOIN analytics_daily_activity self_hosted
    ON self_hosted.day = days.day AND self_hosted.deployment_type = 'self_hosted' AND %(part)s IN ('all', 'self_hosted')
LEFT JOIN analytics_daily_activity active ON active.day = days.day AND active.deployment_type = %(part)s
ORDER BY days.day
