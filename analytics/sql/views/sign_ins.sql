CREATE OR REPLACE VIEW analytics_report_sign_ins WITH (security_barrier) AS
SELECT day, deployment_type,
       greatest(analytics_shown_events(sign_ins, people_signed_in, noise[2], 1, smallest_group), 0) AS sign_ins,
       shown::integer AS people
FROM analytics_daily_activity CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL (SELECT analytics_shown_people(people_signed_in, noise[2], smallest_group) AS shown) AS signed_in
WHERE deployment_type <> 'all' AND shown > 0;
COMMENT ON VIEW analytics_report_sign_ins IS 'How often people signed in, and how many did, by UTC day and deployment type.';
COMMENT ON COLUMN analytics_report_sign_ins.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_sign_ins.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_sign_ins.sign_ins IS 'Number of sign-ins.';
COMMENT ON COLUMN analytics_report_sign_ins.people IS 'Distinct people who signed in.';
