-- Before a request's rows are written: the people among them who have asked for deletion, and when last. Parameter: an
-- array of pseudonyms. The lock is held until the commit; erase_person.sql says why.
SELECT pg_advisory_xact_lock_shared(hashtext('analytics_rows'));
SELECT user_id, max(requested_at) FROM analytics_erasure WHERE user_id = ANY(%s::uuid[]) GROUP BY user_id
