-- Clears which request a tombstone is of, once no report counts the person any more. All tombstones that are settled are
-- written anew, in the order of their pseudonyms: the order in which they came would say whose they are.
WITH settled AS (
    DELETE FROM analytics_tombstone AS erased
    WHERE NOT EXISTS (SELECT FROM analytics_touched_day AS owed WHERE owed.user_id = erased.user_id)
      AND EXISTS (SELECT FROM analytics_tombstone AS new WHERE new.erasure_id IS NOT NULL)
    RETURNING user_id, until
)
INSERT INTO analytics_tombstone (user_id, until) SELECT user_id, until FROM settled ORDER BY user_id
