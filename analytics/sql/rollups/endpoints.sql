-- A day's requests, errors and durations, and the number of their people; runs after roll_up_people. Durations are added
-- up in whole nanoseconds, so that their order does not matter. Parameters: day, start, end.
WITH buckets AS (
    SELECT deployment_type, endpoint, method, analytics_bucket(duration_ms) AS bucket,
           count(*) AS requests, count(*) FILTER (WHERE analytics_is_error(status_code)) AS errors,
           sum(round(duration_ms * 1e6)::bigint) AS duration_ns
    FROM analytics_endpoint_usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    GROUP BY deployment_type, endpoint, method, bucket
), people AS (
    SELECT deployment_type, name, sum(bit_count(bits)) AS people,
           analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits))) AS noise
    FROM analytics_people_of_day
    WHERE day = %(day)s AND measure = 'endpoint'
    GROUP BY deployment_type, name
)
INSERT INTO analytics_daily_endpoint (day, deployment_type, endpoint, method, requests, errors, duration_ns, buckets, counts,
                                      people, noise)
SELECT %(day)s, deployment_type, endpoint, method, sum(requests), sum(errors), sum(duration_ns),
       array_agg(bucket ORDER BY bucket), array_agg(requests ORDER BY bucket), people, noise
FROM buckets JOIN people USING (deployment_type)
WHERE name = method || ' ' || endpoint
GROUP BY deployment_type, endpoint, method, people, noise
