-- Adds a recomputed day to the receipts of the erasures of some people. Parameter: their pseudonyms (array).
UPDATE analytics_erasure SET days_recomputed = days_recomputed + 1, recomputed_at = statement_timestamp()
WHERE id IN (SELECT erasure_id FROM analytics_tombstone WHERE user_id = ANY(%(people)s))
