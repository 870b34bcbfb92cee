-- Cohorts from a day on: who of a day's sign-ins had never signed in before, and who of those did on one of the seven
-- days after it. Parameter: first (day), which must not be closed.
WITH signed_in AS (
    -- What lies before the first cohort wanted only matters as a whole; it goes under one early day.
    SELECT either.deployment_type, CASE WHEN day >= %(first)s THEN day ELSE '0001-01-01' END AS day, chunk, bits
    FROM analytics_people_of_day people
    CROSS JOIN LATERAL (VALUES (people.deployment_type), ('all')) AS either (deployment_type)
    WHERE measure = 'sign_in'
    UNION ALL
    SELECT either.deployment_type, '0001-01-01', chunk, bits
    FROM analytics_earlier_people earlier
    CROSS JOIN LATERAL (VALUES (earlier.deployment_type), ('all')) AS either (deployment_type)
), days AS (
    SELECT deployment_type, day, chunk, bit_or(bits) AS bits FROM signed_in GROUP BY deployment_type, day, chunk
), compared AS (
    SELECT deployment_type, day, chunk, bits,
           coalesce(bit_or(bits) OVER (of_chunk ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                    repeat('0', 8192)::bit(8192)) AS before,
           coalesce(bit_or(bits) OVER (of_chunk RANGE BETWEEN '1 day' FOLLOWING AND '7 days' FOLLOWING),
                    repeat('0', 8192)::bit(8192)) AS after
    FROM days
    WINDOW of_chunk AS (PARTITION BY deployment_type, chunk ORDER BY day)
)
INSERT INTO analytics_cohort (first_day, deployment_type, people, returned)
SELECT day, deployment_type, sum(bit_count(bits & ~before)), sum(bit_count(bits & ~before & after))
FROM compared
WHERE day >= %(first)s
GROUP BY day, deployment_type
HAVING sum(bit_count(bits & ~before)) > 0
