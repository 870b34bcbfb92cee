-- Rights that roles have on tables and views of our schema, by whatever road: relation, role, right, whether on the whole
-- of it. A role's own tables and those of extensions are left out. Parameters: schema, owners, roles, privileges.
SELECT relname, role, privilege, has_table_privilege(role, pg_class.oid, privilege)
FROM pg_class
CROSS JOIN unnest(%(roles)s::text[]) AS role
CROSS JOIN unnest(%(privileges)s::text[]) AS privilege
WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
  AND pg_get_userbyid(relowner) = ANY (%(owners)s) AND pg_get_userbyid(relowner) <> role
  AND (has_table_privilege(role, pg_class.oid, privilege)
       OR (privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
           AND has_any_column_privilege(role, pg_class.oid, privilege)))
