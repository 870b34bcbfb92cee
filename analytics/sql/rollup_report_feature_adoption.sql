-- report_feature_adoption.sql from the rollups: same columns, same parameters.
--
-- Distinct people are counted by bits, which are there as long as the raw rows are. For a range that begins before, the
-- number of people is not known (null); rollup_report_monthly_people.sql has them by month.
WITH uses AS (
    SELECT feature_name, sum(uses)::bigint AS total_uses
    FROM analytics_daily_feature
    WHERE day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
      AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
    GROUP BY feature_name
), chunks AS (
    SELECT name, chunk, bit_count(bit_or(bits)) AS people
    FROM analytics_people_of_day
    WHERE day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
      AND measure = 'feature'
      AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
    GROUP BY name, chunk
), people AS (
    SELECT name AS feature_name, sum(people)::bigint AS unique_users FROM chunks GROUP BY name
), closed AS (
    SELECT EXISTS (SELECT FROM analytics_rolled_up_day
                   WHERE closed AND day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
                     AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date) AS some
)
SELECT feature_name, CASE WHEN NOT closed.some THEN unique_users END AS unique_users, total_uses
FROM uses LEFT JOIN people USING (feature_name) CROSS JOIN closed
ORDER BY unique_users DESC NULLS LAST, total_uses DESC, feature_name
