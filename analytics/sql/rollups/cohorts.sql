-- Cohorts from a day on: who of a day's people had never been active before, and who of those were on one of the seven
-- days after it, and on each of them. Parameter: first (day), which must not be closed.
WITH active AS (
    -- What lies before the first cohort wanted only matters as a whole; it goes under one early day.
    SELECT either.deployment_type, CASE WHEN day >= %(first)s THEN day ELSE '0001-01-01' END AS day, chunk, bits
    FROM analytics_people_of_day people
    CROSS JOIN LATERAL (VALUES (people.deployment_type), ('all')) AS either (deployment_type)
    WHERE measure = 'any'
    UNION ALL
    SELECT either.deployment_type, '0001-01-01', chunk, bits
    FROM analytics_earlier_people earlier
    CROSS JOIN LATERAL (VALUES (earlier.deployment_type), ('all')) AS either (deployment_type)
), days AS (
    SELECT deployment_type, day, chunk, bit_or(bits) AS bits FROM active GROUP BY deployment_type, day, chunk
), compared AS (
    SELECT deployment_type, day, chunk, bits,
           coalesce(bit_or(bits) OVER (of_chunk ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                    repeat('0', 8192)::bit(8192)) AS before,
           coalesce(bit_or(bits) OVER (of_chunk RANGE BETWEEN '1 day' FOLLOWING AND '7 days' FOLLOWING),
                    repeat('0', 8192)::bit(8192)) AS after,
           bit_or(bits) OVER (of_chunk RANGE BETWEEN '1 day' FOLLOWING AND '1 day' FOLLOWING) AS after_1,
           bit_or(bits) OVER (of_chunk RANGE BETWEEN '2 days' FOLLOWING AND '2 days' FOLLOWING) AS after_2,
           bit_or(bits) OVER (of_chunk RANGE BETWEEN '3 days' FOLLOWING AND '3 days' FOLLOWING) AS after_3,
           bit_or(bits) OVER (of_chunk RANGE BETWEEN '4 days' FOLLOWING AND '4 days' FOLLOWING) AS after_4,
           bit_or(bits) OVER (of_chunk RANGE BETWEEN '5 days' FOLLOWING AND '5 days' FOLLOWING) AS after_5,
           bit_or(bits) OVER (of_chunk RANGE BETWEEN '6 days' FOLLOWING AND '6 days' FOLLOWING) AS after_6,
           bit_or(bits) OVER (of_chunk RANGE BETWEEN '7 days' FOLLOWING AND '7 days' FOLLOWING) AS after_7
    FROM days
    WINDOW of_chunk AS (PARTITION BY deployment_type, chunk ORDER BY day)
), sets AS (
    -- New people, those of them who came back, and those who did on each of the days.
    SELECT day, deployment_type, chunk, place, set_of_chunk
    FROM compared CROSS JOIN LATERAL unnest(ARRAY[
               bits & ~before, bits & ~before & after,
               bits & ~before & after_1, bits & ~before & after_2, bits & ~before & after_3, bits & ~before & after_4,
               bits & ~before & after_5, bits & ~before & after_6, bits & ~before & after_7
           ]) WITH ORDINALITY AS each (set_of_chunk, place)
    WHERE day >= %(first)s
), counted AS (
    SELECT day, deployment_type, place, coalesce(sum(bit_count(set_of_chunk)), 0) AS people,
           analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, set_of_chunk))) AS noise
    FROM sets GROUP BY day, deployment_type, place
)
INSERT INTO analytics_cohort (first_day, deployment_type, people, returned, returned_on, noise)
SELECT day, deployment_type, (array_agg(people ORDER BY place))[1], (array_agg(people ORDER BY place))[2],
       (array_agg(people ORDER BY place))[3:9], array_agg(noise ORDER BY place)
FROM counted
GROUP BY day, deployment_type
HAVING max(people) FILTER (WHERE place = 1) > 0
