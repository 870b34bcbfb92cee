-- Active people by ISO week (from Monday, UTC): the weeks the range touches, each whole. Nulls as in active_people.sql. A week that began before
-- the days whose raw rows are kept is null: its people cannot be told apart any more.
WITH weeks AS (
    SELECT generate_series(date_trunc('week', %(first)s::timestamp),
                           %(after)s::timestamp - interval '1 day', '7 days')::date AS first_day
), chunks AS (
    SELECT date_trunc('week', day::timestamp)::date AS first_day,
           bit_count(bit_or(bits)) AS people,
           bit_count(bit_or(bits) FILTER (WHERE deployment_type = 'cloud')) AS cloud,
           bit_count(bit_or(bits) FILTER (WHERE deployment_type = 'self_hosted')) AS self_hosted
    FROM analytics_people_of_day
    WHERE day >= (SELECT min(first_day) FROM weeks) AND day < (SELECT max(first_day) + 7 FROM weeks)
      AND measure = 'any' AND %(part)s IN ('all', deployment_type)
    GROUP BY 1, chunk
), counted AS (
    SELECT weeks.first_day, weeks.first_day >= analytics_first_open_day() AS known,
           coalesce(sum(cloud), 0)::bigint AS cloud, coalesce(sum(self_hosted), 0)::bigint AS self_hosted,
           coalesce(sum(people), 0)::bigint AS active_people
    FROM weeks LEFT JOIN chunks USING (first_day)
    GROUP BY weeks.first_day
), judged AS (
    SELECT *, analytics_is_told(cloud, %(smallest)s)
              AND analytics_is_told(self_hosted, %(smallest)s) AS parts_are_large
    FROM counted
)
SELECT to_char(first_day, 'IYYY-"W"IW') AS week, first_day,
       CASE WHEN known AND parts_are_large THEN cloud END AS cloud,
       CASE WHEN known AND parts_are_large THEN self_hosted END AS self_hosted,
       CASE WHEN known AND analytics_is_told(active_people, %(smallest)s) THEN active_people
            END AS active_people
FROM judged
ORDER BY first_day
