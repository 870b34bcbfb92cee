-- Tables of rows, and months of them, also detached ones, that belong to another role than the keeper; their names.
-- Parameters: schema, keeper, rows (names of the three tables).
SELECT relname FROM pg_class
WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p') AND pg_get_userbyid(relowner) <> %(keeper)s
  AND substring(relname FROM '^(.*?)(?:_y\d{4}m\d{2})?$') = ANY (%(rows)s)
ORDER BY relname
