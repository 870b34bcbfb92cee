-- The schema that BI tools see: the views analytics_report_NAME as analytics_bi.NAME, with their comments, and nothing else.
-- Run again after a view has changed. A role that may not make schemas, or does not own this one, leaves it as it is;
-- grant_reporting_access then says so.
DO $$
DECLARE
    own regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = 'analytics_user_activity'::regclass);
    report record;
    part record;
BEGIN
    IF to_regnamespace('analytics_bi') IS NULL THEN
        IF NOT has_database_privilege(current_database(), 'CREATE') THEN
            RETURN;
        END IF;
        CREATE SCHEMA analytics_bi;
        COMMENT ON SCHEMA analytics_bi IS 'Reports for BI tools: aggregates of people who share their usage, never rows.';
    ELSIF NOT (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'analytics_bi') THEN
        RETURN;
    END IF;
    FOR report IN SELECT oid, relname, substr(relname, 18) AS name FROM pg_class
                  WHERE relnamespace = own AND relkind = 'v' AND relname LIKE 'analytics\_report\_%'
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW analytics_bi.%I WITH (security_barrier) AS SELECT * FROM %s',
                       report.name, report.oid::regclass);
        EXECUTE format('COMMENT ON VIEW analytics_bi.%I IS %L', report.name, obj_description(report.oid, 'pg_class'));
        FOR part IN SELECT attname, col_description(report.oid, attnum) AS comment FROM pg_attribute
                    WHERE attrelid = report.oid AND attnum > 0 AND NOT attisdropped
        LOOP
            EXECUTE format('COMMENT ON COLUMN analytics_bi.%I.%I IS %L', report.name, part.attname, part.comment);
        END LOOP;
    END LOOP;
END $$;
