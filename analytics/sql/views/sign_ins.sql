CREATE OR REPLACE VIEW analytics_report_sign_ins WITH (security_barrier) AS
SELECT day, deployment_type, sign_ins, people_signed_in AS people
FROM analytics_daily_activity
WHERE deployment_type <> 'all'
  AND people_signed_in > 0 AND analytics_is_told(people_signed_in, (SELECT smallest_group FROM analytics_view_threshold));
COMMENT ON VIEW analytics_report_sign_ins IS 'How often people signed in, and how many did, by UTC day and deployment type.';
COMMENT ON COLUMN analytics_report_sign_ins.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_sign_ins.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_sign_ins.sign_ins IS 'Number of sign-ins.';
COMMENT ON COLUMN analytics_report_sign_ins.people IS 'Distinct people who signed in.';
