-- The requests to delete whose rows are there all the same, a backup having been restored: id, pseudonym, requested_at.
-- The latest of each person is enough.
SELECT id, user_id, requested_at
FROM (SELECT DISTINCT ON (user_id) * FROM analytics_erasure ORDER BY user_id, requested_at DESC) erased
WHERE EXISTS (SELECT FROM analytics_user_activity usage
              WHERE usage.user_id = erased.user_id AND usage."timestamp" <= erased.requested_at)
   OR EXISTS (SELECT FROM analytics_endpoint_usage usage
              WHERE usage.user_id = erased.user_id AND usage."timestamp" <= erased.requested_at)
   OR EXISTS (SELECT FROM analytics_feature_usage usage
              WHERE usage.user_id = erased.user_id AND usage."timestamp" <= erased.requested_at)
ORDER BY requested_at
