-- Roles and process ids of the sessions that hold a lock on one of some relations, other roles than ours first. Parameter:
-- relations (array of names).
SELECT DISTINCT usename, pid, usename = current_user AS is_ours
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE granted AND pid <> pg_backend_pid()
  AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND relation = ANY (ARRAY(SELECT to_regclass(name) FROM unnest(%(relations)s::text[]) AS name)::oid[])
ORDER BY is_ours, usename, pid
