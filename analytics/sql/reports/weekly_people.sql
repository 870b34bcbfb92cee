-- Active people by ISO week (from Monday, UTC): the weeks the range touches, each whole. A week that began before the days
-- whose raw rows are kept is null: its people cannot be told apart any more. Parameters: first, after (days), part, smallest.
WITH weeks AS (
    SELECT generate_series(date_trunc('week', %(first)s::timestamp),
                           %(after)s::timestamp - interval '1 day', '7 days')::date AS first_day
), chunks AS (
    SELECT date_trunc('week', day::timestamp)::date AS first_day, chunk, bit_or(bits) AS active,
           bit_or(bits) FILTER (WHERE deployment_type = 'cloud') AS cloud,
           bit_or(bits) FILTER (WHERE deployment_type = 'self_hosted') AS self_hosted
    FROM analytics_people_of_day
    WHERE day >= (SELECT min(first_day) FROM weeks) AND day < (SELECT max(first_day) + 7 FROM weeks)
      AND measure = 'any' AND %(part)s IN ('all', deployment_type)
    GROUP BY 1, chunk
), counted AS (
    SELECT first_day,
           coalesce(sum(bit_count(cloud)), 0)::bigint AS cloud, bit_xor(analytics_chunk_key(secret.key, chunk, cloud)) AS cloud_key,
           coalesce(sum(bit_count(self_hosted)), 0)::bigint AS self_hosted,
           bit_xor(analytics_chunk_key(secret.key, chunk, self_hosted)) AS self_hosted_key,
           sum(bit_count(active))::bigint AS active, bit_xor(analytics_chunk_key(secret.key, chunk, active)) AS active_key
    FROM chunks LEFT JOIN analytics_noise_key secret ON true
    GROUP BY first_day
)
SELECT to_char(first_day, 'IYYY-"W"IW') AS week, first_day,
       CASE WHEN known THEN analytics_shown_people(coalesce(cloud, 0), analytics_noise(cloud_key), %(smallest)s) END AS cloud,
       CASE WHEN known THEN analytics_shown_people(coalesce(self_hosted, 0), analytics_noise(self_hosted_key), %(smallest)s)
            END AS self_hosted,
       CASE WHEN known THEN analytics_shown_people(coalesce(active, 0), analytics_noise(active_key), %(smallest)s)
            END AS active_people
FROM weeks LEFT JOIN counted USING (first_day)
CROSS JOIN LATERAL (SELECT first_day >= analytics_first_open_day() AS known) AS rows_are_kept
ORDER BY first_day
