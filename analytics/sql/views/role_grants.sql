-- Statements that revoke all that was granted to a role by name in this database. Parameter: the role's name.
WITH role AS (
    SELECT oid, quote_ident(rolname) AS name FROM pg_roles WHERE rolname = %s
), granted AS (
    SELECT 'TABLE ' || pg_class.oid::regclass AS what, relacl AS acl FROM pg_class WHERE relkind <> 'S'
    UNION ALL
    SELECT 'SEQUENCE ' || pg_class.oid::regclass, relacl FROM pg_class WHERE relkind = 'S'
    UNION ALL
    SELECT 'TABLE ' || attrelid::regclass, attacl FROM pg_attribute
    UNION ALL
    SELECT 'SCHEMA ' || quote_ident(nspname), nspacl FROM pg_namespace
    UNION ALL
    SELECT 'ROUTINE ' || oid::regprocedure, proacl FROM pg_proc
    UNION ALL
    SELECT 'DATABASE ' || quote_ident(datname), datacl FROM pg_database WHERE datname = current_database()
)
SELECT DISTINCT format('REVOKE ALL ON %%s FROM %%s', what, role.name)
FROM granted CROSS JOIN role
WHERE EXISTS (SELECT FROM aclexplode(acl) WHERE grantee = role.oid)
