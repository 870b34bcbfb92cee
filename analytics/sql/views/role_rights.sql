-- The rights a role has, by whatever road, that one which only reads `wanted` should not have: right and what on.
-- Parameters: role, wanted (names of relations it should read; to be unable to is reported as well).
WITH relations AS (
    SELECT pg_class.oid, pg_class.oid::regclass::text AS name, relkind
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%%'
), rights AS (
    SELECT name, readable, writable FROM relations
    CROSS JOIN LATERAL (
        SELECT CASE WHEN relkind = 'S' THEN has_sequence_privilege(%(role)s, oid, 'SELECT')
                    ELSE has_any_column_privilege(%(role)s, oid, 'SELECT') END AS readable,
               CASE WHEN relkind = 'S' THEN has_sequence_privilege(%(role)s, oid, 'USAGE, UPDATE')
                    ELSE has_table_privilege(%(role)s, oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                         OR has_any_column_privilege(%(role)s, oid, 'INSERT, UPDATE, REFERENCES') END AS writable
    ) AS has
)
SELECT 'reading', name FROM rights WHERE readable AND name <> ALL (%(wanted)s)
UNION ALL
SELECT 'writing', name FROM rights WHERE writable
UNION ALL
SELECT 'no right to read', name FROM rights WHERE NOT readable AND name = ANY (%(wanted)s)
UNION ALL
SELECT 'making things in schema', nspname FROM pg_namespace
WHERE has_schema_privilege(%(role)s, oid, 'CREATE')
  -- This session's own, behind a pooler that of an earlier transaction, counts as everybody's and goes with it.
  AND oid <> pg_my_temp_schema()
UNION ALL
SELECT 'making schemas in database', current_database()
WHERE has_database_privilege(%(role)s, current_database(), 'CREATE')
UNION ALL
-- Whoever runs one does so with its owner's rights.
SELECT 'running', pg_proc.oid::regprocedure::text
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE prosecdef AND has_function_privilege(%(role)s, pg_proc.oid, 'EXECUTE')
  AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%%'
ORDER BY 1, 2
