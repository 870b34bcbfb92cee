-- People and uses by feature and action. Parameters: start, end (exclusive), deployment type or null for all, name (a part
-- of the feature's) or null. The action of a page view is the page's route.
SELECT feature_name, coalesce(CASE WHEN feature_name = 'page_view' THEN left(metadata->>'route', 64) END, action) AS action,
       count(DISTINCT user_id) AS unique_users, count(*) AS total_uses
FROM analytics_feature_usage
WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
  AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
  AND (%(name)s::text IS NULL OR strpos(lower(feature_name), lower(%(name)s)) > 0)
GROUP BY 1, 2
ORDER BY 1, total_uses DESC, 2
