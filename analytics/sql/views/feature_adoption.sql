-- People are counted by bits, which are there as long as the raw rows are: without them a group might be small.
CREATE OR REPLACE VIEW analytics_report_feature_adoption WITH (security_barrier) AS
WITH uses AS (
    SELECT day, deployment_type, feature_name, sum(uses)::bigint AS total_uses
    FROM analytics_daily_feature
    GROUP BY day, deployment_type, feature_name
)
SELECT day, deployment_type, feature_name::varchar AS feature_name, unique_users, total_uses
FROM uses
CROSS JOIN LATERAL (
    SELECT sum(bit_count(bits))::bigint AS unique_users FROM analytics_people_of_day people
    WHERE people.day = uses.day AND people.deployment_type = uses.deployment_type
      AND measure = 'feature' AND name = feature_name
) AS counted
WHERE unique_users > 0 AND analytics_is_told(unique_users, (SELECT smallest_group FROM analytics_view_threshold));
COMMENT ON VIEW analytics_report_feature_adoption IS
    'How many people used each feature, and how often, by UTC day and deployment type.';
COMMENT ON COLUMN analytics_report_feature_adoption.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_feature_adoption.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_feature_adoption.feature_name IS 'Feature, as the catalogue declares it.';
COMMENT ON COLUMN analytics_report_feature_adoption.unique_users IS 'Distinct people who used it.';
COMMENT ON COLUMN analytics_report_feature_adoption.total_uses IS 'How often it was used.';
