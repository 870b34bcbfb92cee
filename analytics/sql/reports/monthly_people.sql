-- Active people by month (UTC), for good: the months the range touches, each whole. Parameters: first, after (days), part,
-- smallest.
WITH months AS (
    SELECT generate_series(date_trunc('month', %(first)s::timestamp),
                           %(after)s::timestamp - interval '1 day', '1 month')::date AS month
), people AS (
    SELECT * FROM analytics_monthly_people WHERE measure = 'any'
)
SELECT to_char(months.month, 'YYYY-MM') AS month,
       analytics_shown_people(coalesce(cloud.people, 0), cloud.noise, %(smallest)s) AS cloud,
       analytics_shown_people(coalesce(self_hosted.people, 0), self_hosted.noise, %(smallest)s) AS self_hosted,
       analytics_shown_people(coalesce(active.people, 0), active.noise, %(smallest)s) AS active_people
FROM months
LEFT JOIN people cloud
    ON cloud.month = months.month AND cloud.deployment_type = 'cloud' AND %(part)s IN ('all', 'cloud')
LEFT JOIN people self_hosted
    ON self_hosted.month = months.month AND self_hosted.deployment_type = 'self_hosted' AND %(part)s IN ('all', 'self_hosted')
LEFT JOIN people active ON active.month = months.month AND active.deployment_type = %(part)s
ORDER BY months.month
