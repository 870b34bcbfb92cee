-- A day's people and events, and the histogram of its requests' durations, by deployment type and over all of them. After
-- people and endpoints. Parameters: day, start, end.
WITH chunks AS (
    SELECT either.deployment_type, measure, chunk, bit_or(bits) AS bits
    FROM analytics_people_of_day people
    CROSS JOIN LATERAL (VALUES (people.deployment_type), ('all')) AS either (deployment_type)
    WHERE day = %(day)s AND measure IN ('any', 'sign_in', 'session', 'feature', 'endpoint')
    GROUP BY either.deployment_type, measure, chunk
), people AS (
    SELECT deployment_type,
           sum(bit_count(bits)) FILTER (WHERE measure = 'any') AS people,
           coalesce(sum(bit_count(bits)) FILTER (WHERE measure = 'sign_in'), 0) AS people_signed_in,
           coalesce(sum(bit_count(bits)) FILTER (WHERE measure = 'session'), 0) AS people_in_sessions,
           coalesce(sum(bit_count(bits)) FILTER (WHERE measure = 'feature'), 0) AS people_using_features,
           coalesce(sum(bit_count(bits)) FILTER (WHERE measure = 'endpoint'), 0) AS people_requesting,
           ARRAY[analytics_noise(bit_xor(key) FILTER (WHERE measure = 'any')),
                 analytics_noise(bit_xor(key) FILTER (WHERE measure = 'sign_in')),
                 analytics_noise(bit_xor(key) FILTER (WHERE measure = 'session')),
                 analytics_noise(bit_xor(key) FILTER (WHERE measure = 'feature')),
                 analytics_noise(bit_xor(key) FILTER (WHERE measure = 'endpoint'))] AS noise
    FROM chunks CROSS JOIN LATERAL (
        SELECT analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits) AS key
    ) AS keys
    GROUP BY deployment_type
), events AS (
    SELECT coalesce(deployment_type, 'all') AS deployment_type, count(*) AS events,
           count(*) FILTER (WHERE event_type = 'login') AS sign_ins
    FROM analytics_user_activity
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    GROUP BY ROLLUP (deployment_type)
), histogram AS (
    SELECT coalesce(deployment_type, 'all') AS deployment_type, bucket, sum(requests_of_bucket) AS requests
    FROM analytics_daily_endpoint CROSS JOIN LATERAL unnest(buckets, counts) AS of_endpoint (bucket, requests_of_bucket)
    WHERE day = %(day)s
    GROUP BY ROLLUP (deployment_type), bucket
), requests AS (
    SELECT deployment_type, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(requests ORDER BY bucket) AS counts
    FROM histogram GROUP BY deployment_type
)
INSERT INTO analytics_daily_activity (day, deployment_type, people, people_signed_in, people_in_sessions,
                                      people_using_features, people_requesting, noise, sign_ins, events, buckets, counts)
SELECT %(day)s, deployment_type, people, people_signed_in, people_in_sessions, people_using_features, people_requesting,
       noise, coalesce(sign_ins, 0), coalesce(events, 0), coalesce(buckets, '{}'), coalesce(counts, '{}')
FROM people LEFT JOIN events USING (deployment_type) LEFT JOIN requests USING (deployment_type)
