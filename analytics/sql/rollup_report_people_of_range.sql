-- One row: the distinct people who were active over the range, and those of them who signed in, exactly. Parameters: start,
-- end (exclusive), deployment type or null for all, smallest. Null where raw rows of the range have gone, or the people are
-- fewer than `smallest` but not none.
WITH chunks AS (
    SELECT bit_count(bit_or(bits) FILTER (WHERE measure = 'any')) AS people,
           bit_count(bit_or(bits) FILTER (WHERE measure = 'sign_in')) AS people_signed_in
    FROM analytics_people_of_day
    WHERE day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
      AND measure IN ('any', 'sign_in')
      AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
    GROUP BY chunk
), counted AS (
    SELECT coalesce(sum(people), 0)::bigint AS people, coalesce(sum(people_signed_in), 0)::bigint AS people_signed_in,
           (%(start)s::timestamptz AT TIME ZONE 'UTC')::date >= analytics_first_open_day() AS known
    FROM chunks
)
SELECT CASE WHEN known AND people NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN people END AS people,
       CASE WHEN known AND people_signed_in NOT BETWEEN 1 AND %(smallest)s::integer - 1
            THEN people_signed_in END AS people_signed_in
FROM counted
