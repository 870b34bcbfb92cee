-- One row: until when the rollups know what was stored. When the last of them was computed (null: never); how many days
-- have rows that are not counted yet, and the oldest of those days; whether there are rows at all; the first day counted.
WITH waiting AS (
    SELECT day FROM analytics_touched_day WHERE day >= analytics_first_open_day()
)
SELECT (SELECT max(rolled_up_at) FROM analytics_rolled_up_day) AS computed_at,
       (SELECT count(DISTINCT day) FROM waiting) AS days_waiting,
       (SELECT min(day) FROM waiting) AS oldest_waiting,
       EXISTS (SELECT FROM analytics_user_activity) OR EXISTS (SELECT FROM analytics_endpoint_usage)
       OR EXISTS (SELECT FROM analytics_feature_usage) AS is_anything_stored,
       (SELECT min(day) FROM analytics_daily_activity) AS first_day
