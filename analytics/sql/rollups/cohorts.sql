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
)
INSERT INTO analytics_cohort (first_day, deployment_type, people, returned, returned_on)
SELECT day, deployment_type, sum(bit_count(bits & ~before)), sum(bit_count(bits & ~before & after)),
       ARRAY[
           coalesce(sum(bit_count(bits & ~before & after_1)), 0),
           coalesce(sum(bit_count(bits & ~before & after_2)), 0),
           coalesce(sum(bit_count(bits & ~before & after_3)), 0),
           coalesce(sum(bit_count(bits & ~before & after_4)), 0),
           coalesce(sum(bit_count(bits & ~before & after_5)), 0),
           coalesce(sum(bit_count(bits & ~before & after_6)), 0),
           coalesce(sum(bit_count(bits & ~before & after_7)), 0)
       ]
FROM compared
WHERE day >= %(first)s
GROUP BY day, deployment_type
HAVING sum(bit_count(bits & ~before)) > 0
