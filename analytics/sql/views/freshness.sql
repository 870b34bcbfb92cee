-- reports/freshness.sql for BI: one row. What analytics_first_open_day() says is written out, because a function reads with the
-- rights of whoever reads the view.
CREATE OR REPLACE VIEW analytics_report_freshness WITH (security_barrier) AS
WITH waiting AS (
    SELECT day FROM analytics_touched_day
    WHERE day > coalesce((SELECT max(day) FROM analytics_rolled_up_day WHERE closed), '0001-01-01')
)
SELECT (SELECT max(rolled_up_at) FROM analytics_rolled_up_day) AS computed_at,
       (SELECT max(day) FROM analytics_rolled_up_day) AS latest_day,
       (SELECT count(DISTINCT day) FROM waiting) AS days_waiting,
       (SELECT min(day) FROM waiting) AS oldest_waiting;
COMMENT ON VIEW analytics_report_freshness IS 'One row: until when the other views know what was stored.';
COMMENT ON COLUMN analytics_report_freshness.computed_at IS 'When the latest day was computed; null: never.';
COMMENT ON COLUMN analytics_report_freshness.latest_day IS 'The latest UTC day that was computed.';
COMMENT ON COLUMN analytics_report_freshness.days_waiting IS 'Days with rows that the views do not count yet.';
COMMENT ON COLUMN analytics_report_freshness.oldest_waiting IS 'The oldest of these days; null: there is none.';
