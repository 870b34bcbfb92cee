-- Adds a recomputed day to the receipt of the latest erasure of each of some people. Parameter: their pseudonyms (array).
UPDATE analytics_erasure SET days_recomputed = days_recomputed + 1, recomputed_at = statement_timestamp()
WHERE id IN (SELECT DISTINCT ON (user_id) id FROM analytics_erasure
             WHERE user_id = ANY(%(people)s) ORDER BY user_id, requested_at DESC)
