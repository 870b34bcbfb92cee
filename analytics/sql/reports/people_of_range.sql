-- One row: the distinct people who were active over the range, and those of them who signed in. Null where raw rows of the
-- range have gone, or its length is not one that people are counted over. Parameters: first, after (days), part, counted,
-- smallest.
WITH chunks AS (
    SELECT chunk, bit_or(bits) FILTER (WHERE measure = 'any') AS active,
           bit_or(bits) FILTER (WHERE measure = 'sign_in') AS signed_in
    FROM analytics_people_of_day
    WHERE day >= %(first)s AND day < %(after)s
      AND measure IN ('any', 'sign_in')
      AND %(part)s IN ('all', deployment_type)
    GROUP BY chunk
), counted AS (
    SELECT coalesce(sum(bit_count(active)), 0)::bigint AS active,
           analytics_noise(bit_xor(analytics_chunk_key(secret.key, chunk, active))) AS noise_of_active,
           coalesce(sum(bit_count(signed_in)), 0)::bigint AS signed_in,
           analytics_noise(bit_xor(analytics_chunk_key(secret.key, chunk, signed_in))) AS noise_of_signed_in,
           %(counted)s AND %(first)s >= analytics_first_open_day() AS known
    FROM chunks LEFT JOIN analytics_noise_key secret ON true
)
SELECT CASE WHEN known THEN analytics_shown_people(active, noise_of_active, %(smallest)s) END AS people,
       CASE WHEN known THEN analytics_shown_people(signed_in, noise_of_signed_in, %(smallest)s) END AS people_signed_in
FROM counted
