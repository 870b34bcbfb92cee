-- Settles the marks taken of a day that is about to be computed, and leaves one for what people of several days enter.
-- Answers whether it is owed at all (somebody else may have computed it), and the pseudonyms erased from it. Parameter: day.
WITH settled AS (
    DELETE FROM analytics_touched_day WHERE stage = 'taken' AND day = %(day)s RETURNING user_id
), owed AS (
    INSERT INTO analytics_touched_day (day, stage)
    SELECT %(day)s, 'people'
    WHERE EXISTS (SELECT FROM settled) OR NOT EXISTS (SELECT FROM analytics_rolled_up_day WHERE day = %(day)s)
    RETURNING day
)
SELECT EXISTS (SELECT FROM owed),
       coalesce((SELECT array_agg(DISTINCT user_id) FROM settled WHERE user_id IS NOT NULL), '{}')
