-- What speaks against making a role one that only reads reports: whether it is this site's own, has powers of its own,
-- which groups it is in, whether it owns anything, whether it cannot sign in, whether it is of one of our processes
-- (`manage.py grant_roles`). Parameter: the role's name.
SELECT role.rolname IN (current_user, session_user),
       role.rolsuper OR role.rolcreaterole OR role.rolcreatedb OR role.rolreplication OR role.rolbypassrls,
       ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = role.oid ORDER BY 1),
       EXISTS (SELECT FROM pg_shdepend
               WHERE refclassid = 'pg_authid'::regclass AND refobjid = role.oid AND deptype = 'o'),
       NOT role.rolcanlogin,
       EXISTS (SELECT FROM pg_proc CROSS JOIN aclexplode(proacl) AS granted
               WHERE proname = 'analytics_erase_person' AND prosecdef AND granted.grantee = role.oid)
FROM pg_roles role
WHERE role.rolname = %s
