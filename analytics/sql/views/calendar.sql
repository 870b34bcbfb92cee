-- A date dimension: join it to a view to have days without any row as well.
CREATE OR REPLACE VIEW analytics_report_calendar AS
SELECT day::date AS day, date_trunc('week', day)::date AS week, to_char(day, 'IYYY-"W"IW') AS week_name,
       date_trunc('month', day)::date AS month, to_char(day, 'YYYY-MM') AS month_name,
       date_trunc('quarter', day)::date AS quarter, extract(year FROM day)::integer AS year,
       extract(isodow FROM day)::integer AS weekday, extract(isodow FROM day) > 5 AS is_weekend
FROM generate_series(
    (SELECT coalesce(min(day), (now() AT TIME ZONE 'UTC')::date) FROM analytics_rolled_up_day)::timestamp,
    (now() AT TIME ZONE 'UTC')::date::timestamp, '1 day') AS days (day);
COMMENT ON VIEW analytics_report_calendar IS 'Every UTC day from the first one that was counted to today.';
COMMENT ON COLUMN analytics_report_calendar.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_calendar.week IS 'Monday of the ISO week.';
COMMENT ON COLUMN analytics_report_calendar.week_name IS 'ISO week, such as 2026-W09.';
COMMENT ON COLUMN analytics_report_calendar.month IS 'First day of the month.';
COMMENT ON COLUMN analytics_report_calendar.month_name IS 'Month, such as 2026-03.';
COMMENT ON COLUMN analytics_report_calendar.quarter IS 'First day of the quarter.';
COMMENT ON COLUMN analytics_report_calendar.year IS 'Year.';
COMMENT ON COLUMN analytics_report_calendar.weekday IS '1 (Monday) to 7 (Sunday).';
COMMENT ON COLUMN analytics_report_calendar.is_weekend IS 'Saturday or Sunday.';
