-- A line for each ISO week (UTC) that is over, from the first use of the feature `name` on: people who first used it in that
-- week, all who have used it so far, those who used it in that week, and their share of the week's active people. First is the
-- first that the raw rows still have; weeks before them are not shown. All are null where people are too few, and the share is
-- of numbers as they are shown. Parameters: first, after (days), today, part, name, smallest.
WITH days AS (
    SELECT date_trunc('week', day::timestamp)::date AS week, chunk,
           bit_or(bits) FILTER (WHERE measure = 'feature') AS used, bit_or(bits) FILTER (WHERE measure = 'any') AS active
    FROM analytics_people_of_day
    WHERE (measure = 'any' OR (measure = 'feature' AND name = %(name)s)) AND %(part)s IN ('all', deployment_type)
    GROUP BY 1, chunk
), weeks AS (
    SELECT week FROM days
    UNION
    SELECT generate_series(date_trunc('week', %(first)s::timestamp), %(after)s::timestamp - interval '1 day', '7 days')::date
), sums AS (
    SELECT week, chunk, active, coalesce(used, nobody) AS used,
           coalesce(bit_or(used) OVER (PARTITION BY chunk ORDER BY week
                                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), nobody) AS earlier
    FROM weeks CROSS JOIN (SELECT DISTINCT chunk FROM days) AS chunks
    LEFT JOIN days USING (week, chunk)
    CROSS JOIN (SELECT repeat('0', 8192)::bit(8192) AS nobody) AS none
), numbers AS (
    SELECT week, kind, coalesce(sum(bit_count(bits)), 0)::bigint AS people,
           analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits))) AS noise
    FROM sums
    CROSS JOIN LATERAL (VALUES ('first', used & ~earlier), ('so far', used | earlier), ('used', used), ('active', active))
        AS each (kind, bits)
    GROUP BY week, kind
), shown AS (
    SELECT week, bool_or(kind = 'so far' AND people > 0) AS is_used,
           max(analytics_shown_people(people, noise, %(smallest)s)) FILTER (WHERE kind = 'first') AS people,
           max(analytics_shown_people(people, noise, %(smallest)s)) FILTER (WHERE kind = 'so far') AS so_far,
           max(analytics_shown_people(people, noise, %(smallest)s)) FILTER (WHERE kind = 'used') AS unique_users,
           max(analytics_shown_people(people, noise, %(smallest)s)) FILTER (WHERE kind = 'active') AS active
    FROM numbers GROUP BY week
)
SELECT to_char(week, 'IYYY-"W"IW') AS week, week AS first_day, people, so_far, unique_users,
       CASE WHEN unique_users IS NOT NULL THEN 100.0 * least(unique_users, active) / nullif(active, 0) END AS share_percent
FROM shown
WHERE is_used AND week >= date_trunc('week', %(first)s::timestamp)::date AND week < %(after)s
  AND week >= analytics_first_open_day() AND week + 7 <= %(today)s
ORDER BY first_day
