-- The months of the three tables, oldest first: parent, name, first day, end (exclusive), rows, bytes, state.
-- Rows are the planner's estimate where it has one, so that a plan is quick; -1 where the table was never analysed.
-- State is attached; or what a purge left that was killed: half_detached, or detached, which only the name tells.
WITH parents AS (
    SELECT oid, relname, relnamespace FROM pg_class
    WHERE oid IN (to_regclass('analytics_user_activity'), to_regclass('analytics_endpoint_usage'),
                  to_regclass('analytics_feature_usage'))
), months AS (
    SELECT parents.relname AS parent, child.oid, child.relname, child.reltuples,
           to_date(substring(child.relname FROM '_y(\d{4}m\d{2})$'), 'YYYY"m"MM') AS first_day,
           CASE WHEN inhdetachpending THEN 'half_detached'
                WHEN inhdetachpending IS NULL THEN 'detached' ELSE 'attached' END AS state
    FROM parents
    JOIN pg_class child ON child.relnamespace = parents.relnamespace AND child.relkind = 'r'
                       AND child.relname ~ ('^' || parents.relname || '_y\d{4}m(0[1-9]|1[0-2])$')
    LEFT JOIN pg_inherits ON inhrelid = child.oid AND inhparent = parents.oid
)
SELECT parent, relname, first_day::timestamp AT TIME ZONE 'UTC',
       (first_day + interval '1 month') AT TIME ZONE 'UTC',
       reltuples::bigint, pg_total_relation_size(oid), state
FROM months
ORDER BY first_day, parent
