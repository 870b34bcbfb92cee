-- Opens the closed days from a day on, whose rows are kept: those with aggregates are owed again, and rows are shown again.
-- Days without aggregates were only closed for being the last. Parameter: day.
WITH opened AS (
    UPDATE analytics_rolled_up_day rolled_up SET closed = false
    WHERE closed AND day >= %(day)s
      AND EXISTS (SELECT FROM analytics_daily_activity activity WHERE activity.day = rolled_up.day)
    RETURNING day
), without_rows AS (
    DELETE FROM analytics_rolled_up_day rolled_up
    WHERE closed AND day >= %(day)s
      AND NOT EXISTS (SELECT FROM analytics_daily_activity activity WHERE activity.day = rolled_up.day)
), shown AS (
    UPDATE analytics_keeping SET shown_from = %(day)s::date::timestamp AT TIME ZONE 'UTC'
    WHERE shown_from > %(day)s::date::timestamp AT TIME ZONE 'UTC'
)
INSERT INTO analytics_touched_day (day) SELECT day FROM opened
