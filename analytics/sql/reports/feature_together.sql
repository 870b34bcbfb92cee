-- A line for each other feature that people of the feature `name` used over the range: how many used both, and their share
-- of the people of `name`, both of the numbers shown. The people of both have noise of their own, and are never more than
-- the people shown of `name`. Null where raw rows of the range have gone, its length is not one that people are counted
-- over, or they are too few. Parameters: first, after (days), part, name, counted, smallest.
WITH chunks AS (
    SELECT name, chunk, bit_or(bits) AS bits
    FROM analytics_people_of_day
    WHERE day >= %(first)s AND day < %(after)s AND measure = 'feature' AND %(part)s IN ('all', deployment_type)
    GROUP BY name, chunk
), both_of AS (
    SELECT other.name, chunk, other.bits & of_feature.bits AS bits
    FROM chunks other JOIN chunks of_feature USING (chunk)
    WHERE of_feature.name = %(name)s AND bit_count(other.bits & of_feature.bits) > 0
), shown AS (
    SELECT name, CASE WHEN %(counted)s AND %(first)s >= analytics_first_open_day()
                      THEN analytics_shown_people(sum(bit_count(bits))::bigint, analytics_noise(bit_xor(analytics_chunk_key(
                          (SELECT key FROM analytics_noise_key), chunk, bits))), %(smallest)s) END AS people
    FROM both_of GROUP BY name
), together AS (
    SELECT other.name AS feature_name, of_feature.people,
           CASE WHEN other.people IS NOT NULL AND of_feature.people IS NOT NULL
                THEN least(other.people, of_feature.people) END AS unique_users
    FROM shown other CROSS JOIN shown of_feature
    WHERE of_feature.name = %(name)s AND other.name <> %(name)s
)
SELECT feature_name, unique_users, 100.0 * unique_users / people AS share_percent
FROM together
ORDER BY unique_users DESC NULLS LAST, feature_name
