-- A line for each ISO week (UTC) in which people first used the feature `name`: how many, and how many of them used it again
-- in the whole week 1, 4 and 12 weeks later. First is the first that the raw rows still have, so weeks before them are not
-- shown. Null while a week is not over, and where people are too few; never more than those shown as new. Parameters:
-- first, after (days), today, part, name, smallest.
WITH weeks AS (
    SELECT date_trunc('week', day)::date AS week, chunk, bit_or(bits) AS bits
    FROM analytics_people_of_day
    WHERE measure = 'feature' AND name = %(name)s AND %(part)s IN ('all', deployment_type)
    GROUP BY 1, 2
), firsts AS (
    SELECT week, chunk,
           bits & ~coalesce(bit_or(bits) OVER (PARTITION BY chunk ORDER BY week
                                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                            repeat('0', 8192)::bit(8192)) AS bits
    FROM weeks
), after_weeks AS (
    SELECT firsts.week, number, firsts.chunk,
           CASE WHEN number = 0 THEN firsts.bits ELSE firsts.bits & weeks.bits END AS bits
    FROM firsts CROSS JOIN (VALUES (0), (1), (4), (12)) AS numbers (number)
    LEFT JOIN weeks ON weeks.chunk = firsts.chunk AND weeks.week = firsts.week + 7 * number
    WHERE firsts.week >= date_trunc('week', %(first)s::timestamp)::date AND firsts.week < %(after)s
      AND firsts.week >= analytics_first_open_day()
), shown AS (
    SELECT week, number,
           analytics_shown_people(coalesce(sum(bit_count(bits)), 0)::bigint, analytics_noise(coalesce(bit_xor(
               analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits)), 0)), %(smallest)s) AS people,
           bool_or(bit_count(bits) > 0) AS is_any
    FROM after_weeks GROUP BY week, number
)
SELECT to_char(week, 'IYYY-"W"IW') AS week, week AS first_day, people,
       kept[1] AS week_1, kept[2] AS week_4, kept[3] AS week_12
FROM (
    SELECT week, max(people) FILTER (WHERE number = 0) AS people, bool_or(is_any) FILTER (WHERE number = 0) AS is_any
    FROM shown GROUP BY week
) AS cohorts
CROSS JOIN LATERAL (
    SELECT array_agg(CASE WHEN cohorts.people IS NOT NULL AND %(today)s >= week + 7 * (number + 1)
                          THEN least(cohorts.people, shown.people) END ORDER BY number) AS kept
    FROM shown WHERE shown.week = cohorts.week AND number > 0
) AS later
WHERE is_any
ORDER BY first_day
