-- People are counted by bits, which are there as long as the raw rows are: without them a group might be small.
CREATE OR REPLACE VIEW analytics_report_feature_adoption WITH (security_barrier) AS
WITH uses AS (
    SELECT day, deployment_type, feature_name,
           sum(analytics_shown_events(uses, people, noise, 1, smallest_group))::bigint AS uses
    FROM analytics_daily_feature CROSS JOIN analytics_view_threshold
    GROUP BY day, deployment_type, feature_name
)
SELECT day, deployment_type, feature_name::varchar AS feature_name, shown AS unique_users,
       greatest(uses, 0) AS total_uses
FROM uses
CROSS JOIN LATERAL (
    SELECT analytics_shown_people(
               sum(bit_count(bits))::bigint,
               analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits))),
               (SELECT smallest_group FROM analytics_view_threshold)) AS shown
    FROM analytics_people_of_day people
    WHERE people.day = uses.day AND people.deployment_type = uses.deployment_type
      AND measure = 'feature' AND name = feature_name
) AS counted
WHERE shown > 0;
COMMENT ON VIEW analytics_report_feature_adoption IS
    'How many people used each feature, and how often, by UTC day and deployment type.';
COMMENT ON COLUMN analytics_report_feature_adoption.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_feature_adoption.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_feature_adoption.feature_name IS 'Feature, as the catalogue declares it.';
COMMENT ON COLUMN analytics_report_feature_adoption.unique_users IS 'Distinct people who used it.';
COMMENT ON COLUMN analytics_report_feature_adoption.total_uses IS 'How often it was used.';
