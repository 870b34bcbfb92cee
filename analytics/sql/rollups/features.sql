-- A day's uses of features; the action of a page view is the page's route. Parameters: day, start, end.
INSERT INTO analytics_daily_feature (day, deployment_type, feature_name, action, uses)
SELECT %(day)s, deployment_type, feature_name,
       coalesce(CASE WHEN feature_name = 'page_view' THEN left(metadata->>'route', 64) END, action), count(*)
FROM analytics_feature_usage
WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
GROUP BY 2, 3, 4
