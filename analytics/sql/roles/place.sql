-- The schema of our tables, their owner, the name of this database, and whether the ledger and the rows are here; no row
-- before the first migration.
SELECT nspname, pg_get_userbyid(relowner), current_database(),
       to_regclass('privacy_consent_event') IS NOT NULL, to_regclass('analytics_user_activity') IS NOT NULL
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE pg_class.oid = to_regclass('django_migrations')
