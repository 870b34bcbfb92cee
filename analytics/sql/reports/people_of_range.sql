-- One row: the distinct people who were active over the range, and those of them who signed in, exactly. Parameters: first,
-- after (days), part, smallest. Null where raw rows of the range have gone, or the people are fewer than
-- `smallest` but not none.
WITH chunks AS (
    SELECT bit_count(bit_or(bits) FILTER (WHERE measure = 'any')) AS people,
           bit_count(bit_or(bits) FILTER (WHERE measure = 'sign_in')) AS people_signed_in
    FROM analytics_people_of_day
    WHERE day >= %(first)s AND day < %(after)s
      AND measure IN ('any', 'sign_in')
      AND %(part)s IN ('all', deployment_type)
    GROUP BY chunk
), counted AS (
    SELECT coalesce(sum(people), 0)::bigint AS people, coalesce(sum(people_signed_in), 0)::bigint AS people_signed_in,
           %(first)s >= analytics_first_open_day() AS known
    FROM chunks
)
SELECT CASE WHEN known AND analytics_is_told(people, %(smallest)s) THEN people END AS people,
       CASE WHEN known AND analytics_is_told(people_signed_in, %(smallest)s)
            THEN people_signed_in END AS people_signed_in
FROM counted
