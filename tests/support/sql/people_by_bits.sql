-- Distinct people over a range of days whose raw rows are still kept, exactly. Parameters: start, end (exclusive),
-- deployment type or null for all, measure (any, sign_in, feature) and name (of the feature, else empty).
WITH chunks AS (
    SELECT bit_count(bit_or(bits)) AS people
    FROM analytics_people_of_day
    WHERE day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
      AND measure = %(measure)s AND name = %(name)s
      AND (%(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s)
    GROUP BY chunk
)
SELECT coalesce(sum(people), 0)::bigint FROM chunks
