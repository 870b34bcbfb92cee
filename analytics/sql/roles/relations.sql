-- Tables of our schema. Parameters: schema, owners.
SELECT relname FROM pg_class
WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p') AND pg_get_userbyid(relowner) = ANY (%(owners)s)
ORDER BY relname
