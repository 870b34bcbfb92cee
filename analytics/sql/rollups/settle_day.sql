-- Settles the marks taken of a day that is about to be computed, and leaves one for what people of several days enter.
-- Answers whether it is owed at all (somebody else may have computed it), the pseudonyms erased from it, and whether that
-- is all that happened to it: no row came, and none of theirs is left. Parameters: day, start, end.
WITH settled AS (
    DELETE FROM analytics_touched_day WHERE stage = 'taken' AND day = %(day)s RETURNING user_id
), owed AS (
    INSERT INTO analytics_touched_day (day, stage)
    SELECT %(day)s, 'people'
    WHERE EXISTS (SELECT FROM settled) OR NOT EXISTS (SELECT FROM analytics_rolled_up_day WHERE day = %(day)s)
    RETURNING day
), erased AS (
    SELECT DISTINCT user_id FROM settled WHERE user_id IS NOT NULL
)
SELECT EXISTS (SELECT FROM owed),
       coalesce((SELECT array_agg(user_id) FROM erased), '{}'),
       EXISTS (SELECT FROM analytics_rolled_up_day WHERE day = %(day)s)
       AND NOT EXISTS (SELECT FROM settled WHERE user_id IS NULL)
       AND NOT EXISTS (SELECT FROM erased JOIN analytics_user_activity USING (user_id)
                       WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s)
       AND NOT EXISTS (SELECT FROM erased JOIN analytics_endpoint_usage USING (user_id)
                       WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s)
       AND NOT EXISTS (SELECT FROM erased JOIN analytics_feature_usage USING (user_id)
                       WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s)
