-- One row: the distinct people who signed in over the range, exactly. Parameters: start, end (exclusive), deployment type
-- or null for all, smallest. Null where raw rows of the range have gone, or the people are fewer than `smallest`.
WITH chunks AS (
    SELECT bit_count(bit_or(bits)) AS people
    FROM analytics_people_of_day
    WHERE day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
      AND measure = 'sign_in'
      AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
    GROUP BY chunk
), counted AS (
    SELECT coalesce(sum(people), 0)::bigint AS people FROM chunks
)
SELECT CASE WHEN (%(start)s::timestamptz AT TIME ZONE 'UTC')::date >= analytics_first_open_day()
                 AND people NOT BETWEEN 1 AND %(smallest)s::integer - 1 THEN people END AS people
FROM counted
