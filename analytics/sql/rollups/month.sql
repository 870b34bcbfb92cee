-- Distinct people of a month that is still open, by deployment type and over all of them. Parameters: month, next_month.
WITH chunks AS (
    SELECT either.deployment_type, measure, name, chunk, bit_or(bits) AS bits
    FROM analytics_people_of_day people
    CROSS JOIN LATERAL (VALUES (people.deployment_type), ('all')) AS either (deployment_type)
    WHERE day >= %(month)s AND day < %(next_month)s
    GROUP BY either.deployment_type, measure, name, chunk
)
INSERT INTO analytics_monthly_people (month, deployment_type, measure, name, people, noise)
SELECT %(month)s, deployment_type, measure, name, sum(bit_count(bits)),
       analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits)))
FROM chunks
GROUP BY deployment_type, measure, name
