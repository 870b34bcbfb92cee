-- The pseudonyms that were erased and whose rows are there all the same, a backup having been restored: user_id, until.
SELECT user_id, until FROM analytics_tombstone AS erased
WHERE EXISTS (SELECT FROM analytics_user_activity usage
              WHERE usage.user_id = erased.user_id AND usage."timestamp" <= erased.until)
   OR EXISTS (SELECT FROM analytics_endpoint_usage usage
              WHERE usage.user_id = erased.user_id AND usage."timestamp" <= erased.until)
   OR EXISTS (SELECT FROM analytics_feature_usage usage
              WHERE usage.user_id = erased.user_id AND usage."timestamp" <= erased.until)
ORDER BY user_id
