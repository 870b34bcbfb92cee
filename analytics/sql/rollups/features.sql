-- A day's uses of features, by how many people; the action of a page view is the page's route. After roll_up_people.
-- Parameters: day, start, end.
WITH uses AS (
    SELECT deployment_type, feature_name,
           coalesce(CASE WHEN feature_name = 'page_view' THEN left(metadata->>'route', 64) END, action) AS action,
           count(*) AS uses
    FROM analytics_feature_usage
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    GROUP BY 1, 2, 3
), people AS (
    SELECT deployment_type, name, sum(bit_count(bits)) AS people,
           analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits))) AS noise
    FROM analytics_people_of_day
    WHERE day = %(day)s AND measure = 'action'
    GROUP BY deployment_type, name
)
INSERT INTO analytics_daily_feature (day, deployment_type, feature_name, action, uses, people, noise)
SELECT %(day)s, deployment_type, feature_name, action, uses, people, noise
FROM uses JOIN people USING (deployment_type)
WHERE name = feature_name || ' ' || action
