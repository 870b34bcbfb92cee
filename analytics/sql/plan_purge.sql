-- The monthly partitions of the three tables, oldest first: parent, name, first day, end (exclusive), rows, bytes.
-- Rows are the planner's estimate where it has one, so that a plan is quick; -1 where the table was never analysed.
SELECT parent.relname, child.relname,
       (regexp_match(pg_get_expr(child.relpartbound, child.oid), 'FROM \(''([^'']+)''\)'))[1]::timestamptz,
       (regexp_match(pg_get_expr(child.relpartbound, child.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz,
       child.reltuples::bigint,
       pg_total_relation_size(child.oid)
FROM pg_inherits
JOIN pg_class parent ON parent.oid = inhparent
JOIN pg_class child ON child.oid = inhrelid
WHERE parent.relname IN ('analytics_user_activity', 'analytics_endpoint_usage', 'analytics_feature_usage')
  AND parent.relnamespace = current_schema()::regnamespace
ORDER BY 3, 1
