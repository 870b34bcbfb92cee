-- How many people signed in on 1, 2, 3, ... different days (UTC) of the range. Each person's number of days is counted in
-- binary, for all people of a chunk at once: `planes` has the ones, the twos, the fours, ... of everybody, and a day is added
-- with its carry. Ten planes are enough for a range of 800 days. Null where raw rows of the range have gone, its length is
-- not one that people are counted over, or they are too few. Parameters: first, after (days), part, counted, smallest.
WITH RECURSIVE days AS (
    SELECT chunk, row_number() OVER (PARTITION BY chunk ORDER BY day) AS number, bit_or(bits)::varbit AS bits
    FROM analytics_people_of_day
    WHERE day >= %(first)s AND day < %(after)s AND measure = 'sign_in' AND %(part)s IN ('all', deployment_type)
    GROUP BY chunk, day
), added (chunk, number, planes) AS (
    SELECT chunk, 0::bigint, array_fill(repeat('0', 8192)::varbit, ARRAY[10]) FROM days GROUP BY chunk
    UNION ALL
    SELECT chunk, days.number,
           ARRAY[(planes[1] # bits)::varbit, (planes[2] # c1)::varbit, (planes[3] # c2)::varbit, (planes[4] # c3)::varbit,
                 (planes[5] # c4)::varbit, (planes[6] # c5)::varbit, (planes[7] # c6)::varbit, (planes[8] # c7)::varbit,
                 (planes[9] # c8)::varbit, (planes[10] # c9)::varbit]
    FROM added JOIN days USING (chunk)
    CROSS JOIN LATERAL (SELECT planes[1] & bits AS c1) AS carry_of_1
    CROSS JOIN LATERAL (SELECT planes[2] & c1 AS c2) AS carry_of_2
    CROSS JOIN LATERAL (SELECT planes[3] & c2 AS c3) AS carry_of_3
    CROSS JOIN LATERAL (SELECT planes[4] & c3 AS c4) AS carry_of_4
    CROSS JOIN LATERAL (SELECT planes[5] & c4 AS c5) AS carry_of_5
    CROSS JOIN LATERAL (SELECT planes[6] & c5 AS c6) AS carry_of_6
    CROSS JOIN LATERAL (SELECT planes[7] & c6 AS c7) AS carry_of_7
    CROSS JOIN LATERAL (SELECT planes[8] & c7 AS c8) AS carry_of_8
    CROSS JOIN LATERAL (SELECT planes[9] & c8 AS c9) AS carry_of_9
    WHERE days.number = added.number + 1
), sums AS (
    SELECT DISTINCT ON (chunk) chunk, number AS most, planes FROM added ORDER BY chunk, number DESC
), groups (least, most, days) AS (
    VALUES (1, 1, '1'), (2, 2, '2'), (3, 3, '3'), (4, 4, '4'), (5, 9, '5-9'), (10, 19, '10-19'), (20, 1023, '20+')
), exact AS (
    SELECT chunk, times, array_agg(CASE WHEN times & (1 << place - 1) > 0 THEN planes[place] ELSE ~planes[place] END) AS fits
    FROM sums CROSS JOIN LATERAL generate_series(1, most::integer) AS of_chunk (times) CROSS JOIN generate_series(1, 10) AS place
    GROUP BY chunk, times
), members AS (
    SELECT groups.least, chunk, bit_or(together.bits) AS bits
    FROM exact JOIN groups ON times BETWEEN groups.least AND groups.most
    CROSS JOIN LATERAL (SELECT bit_and(fit)::bit(8192) AS bits FROM unnest(fits) AS each (fit)) AS together
    GROUP BY groups.least, chunk
), people AS (
    SELECT least, sum(bit_count(bits))::bigint AS people,
           analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits))) AS noise
    FROM members GROUP BY least
)
SELECT groups.days,
       CASE WHEN %(counted)s AND %(first)s >= analytics_first_open_day()
            THEN analytics_shown_people(coalesce(people, 0), noise, %(smallest)s) END AS people
FROM groups LEFT JOIN people USING (least)
WHERE groups.least <= %(after)s - %(first)s
ORDER BY groups.least
