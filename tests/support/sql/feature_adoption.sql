-- Feature adoption: people and uses by feature (the original note's second query, for a range).
-- Parameters: start, end (exclusive), deployment type or null for all, name (a part
-- of the feature's) or null.
SELECT feature_name, count(DISTINCT user_id) AS unique_users, count(*) AS total_uses
FROM analytics_feature_usage
WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
  AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
  AND (%(name)s::text IS NULL OR strpos(lower(feature_name), lower(%(name)s)) > 0)
GROUP BY feature_name
ORDER BY unique_users DESC, total_uses DESC, feature_name
