-- A day's uses of features. Parameters: day, start, end.
INSERT INTO analytics_daily_feature (day, deployment_type, feature_name, action, uses)
SELECT %(day)s, deployment_type, feature_name, action, count(*)
FROM analytics_feature_usage
WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
GROUP BY deployment_type, feature_name, action
