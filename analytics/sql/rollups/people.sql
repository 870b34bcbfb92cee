-- Who was there on a day, as bits; gives a number to each pseudonym that has none yet. Parameters: day, start, end.
WITH seen AS MATERIALIZED (
    SELECT deployment_type, 'any' AS measure, '' AS name, user_id FROM analytics_user_activity
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    UNION SELECT deployment_type, 'any', '', user_id FROM analytics_endpoint_usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    UNION SELECT deployment_type, 'any', '', user_id FROM analytics_feature_usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    UNION SELECT deployment_type, 'sign_in', '', user_id FROM analytics_user_activity
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s AND event_type = 'login'
    UNION SELECT deployment_type, 'session', '', user_id FROM analytics_user_activity
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s AND session_id IS NOT NULL
    UNION SELECT deployment_type, 'feature', feature_name, user_id FROM analytics_feature_usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    UNION SELECT deployment_type, 'action', feature_name || ' ' ||
        coalesce(CASE WHEN feature_name = 'page_view' THEN left(metadata->>'route', 64) END, action), user_id FROM analytics_feature_usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    UNION SELECT deployment_type, 'endpoint', method || ' ' || endpoint, user_id FROM analytics_endpoint_usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
), added AS (
    INSERT INTO analytics_person (user_id)
    SELECT DISTINCT user_id FROM seen
    WHERE NOT EXISTS (SELECT FROM analytics_person known WHERE known.user_id = seen.user_id)
    RETURNING number, user_id
), numbered AS (
    SELECT number, user_id FROM analytics_person
    UNION ALL SELECT number, user_id FROM added
)
INSERT INTO analytics_people_of_day (day, deployment_type, measure, name, chunk, bits)
SELECT %(day)s, deployment_type, measure, name, number / 8192,
       bit_or(set_bit(repeat('0', 8192)::bit(8192), (number %% 8192)::integer, 1))
FROM seen JOIN numbered USING (user_id)
GROUP BY deployment_type, measure, name, number / 8192
