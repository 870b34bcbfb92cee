-- A line for each UTC day: people and uses of the feature `name`; no lines without a name. A day's numbers are those that
-- feature_adoption.sql has over this day. Parameters: first, after (days), part, name, smallest.
WITH uses AS (
    SELECT day, sum(analytics_shown_events(uses, people, noise, 1, %(smallest)s))::bigint AS uses
    FROM analytics_daily_feature
    WHERE day >= %(first)s AND day < %(after)s
      AND %(part)s IN ('all', deployment_type) AND feature_name = %(name)s
    GROUP BY day
), chunks AS (
    SELECT day, chunk, bit_or(bits) AS bits
    FROM analytics_people_of_day
    WHERE day >= %(first)s AND day < %(after)s AND measure = 'feature'
      AND %(part)s IN ('all', deployment_type) AND name = %(name)s
    GROUP BY day, chunk
), people AS (
    SELECT day, analytics_shown_people(sum(bit_count(bits))::bigint, analytics_noise(bit_xor(analytics_chunk_key(
               (SELECT key FROM analytics_noise_key), chunk, bits))), %(smallest)s) AS shown
    FROM chunks GROUP BY day
)
SELECT days.day,
       CASE WHEN uses.day IS NULL THEN 0 ELSE shown END AS unique_users,
       CASE WHEN uses.day IS NULL THEN 0
            WHEN shown IS NOT NULL OR %(smallest)s = 1 THEN greatest(uses, 0) END AS total_uses
FROM analytics_days(%(first)s, %(after)s) AS days (day) LEFT JOIN uses USING (day) LEFT JOIN people USING (day)
WHERE %(name)s <> ''
ORDER BY day
