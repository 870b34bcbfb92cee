-- The days whose own rollups are behind, oldest first: touched since they were computed, or never computed at all.
-- What comes late for a closed day is not counted any more. Each probe for rows is one look into an index.
WITH edges AS (
    SELECT min("timestamp") AS oldest, max("timestamp") AS newest FROM analytics_user_activity
    UNION ALL SELECT min("timestamp"), max("timestamp") FROM analytics_endpoint_usage
    UNION ALL SELECT min("timestamp"), max("timestamp") FROM analytics_feature_usage
), days AS (
    SELECT generate_series(
        greatest((min(oldest) AT TIME ZONE 'UTC')::date, analytics_first_open_day()),
        (max(newest) AT TIME ZONE 'UTC')::date, '1 day')::date AS day
    FROM edges
)
SELECT day FROM days
WHERE NOT EXISTS (SELECT FROM analytics_rolled_up_day done WHERE done.day = days.day)
  AND (EXISTS (SELECT FROM analytics_user_activity
               WHERE "timestamp" >= days.day::timestamp AT TIME ZONE 'UTC'
                 AND "timestamp" < (days.day + 1)::timestamp AT TIME ZONE 'UTC')
       OR EXISTS (SELECT FROM analytics_endpoint_usage
                  WHERE "timestamp" >= days.day::timestamp AT TIME ZONE 'UTC'
                    AND "timestamp" < (days.day + 1)::timestamp AT TIME ZONE 'UTC')
       OR EXISTS (SELECT FROM analytics_feature_usage
                  WHERE "timestamp" >= days.day::timestamp AT TIME ZONE 'UTC'
                    AND "timestamp" < (days.day + 1)::timestamp AT TIME ZONE 'UTC'))
UNION
SELECT day FROM analytics_touched_day WHERE stage IN ('day', 'taken') AND day >= analytics_first_open_day()
ORDER BY day
