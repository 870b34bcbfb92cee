CREATE OR REPLACE VIEW analytics_report_monthly_people WITH (security_barrier) AS
SELECT active.month, active.deployment_type, shown::integer AS active_people,
       analytics_shown_people(coalesce(signed_in.people, 0), signed_in.noise, smallest_group)::integer AS people_signed_in
FROM analytics_monthly_people active
LEFT JOIN analytics_monthly_people signed_in
    ON signed_in.month = active.month AND signed_in.deployment_type = active.deployment_type
       AND signed_in.measure = 'sign_in' AND signed_in.name = ''
CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL (SELECT analytics_shown_people(active.people, active.noise, smallest_group) AS shown) AS of_month
WHERE active.measure = 'any' AND active.name = '' AND active.deployment_type <> 'all' AND shown > 0;
COMMENT ON VIEW analytics_report_monthly_people IS
    'Monthly active people: distinct people of whom there is any event, by month and deployment type.';
COMMENT ON COLUMN analytics_report_monthly_people.month IS 'First day of the month, UTC.';
COMMENT ON COLUMN analytics_report_monthly_people.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_monthly_people.active_people IS
    'Distinct people of whom there is any event in the month.';
COMMENT ON COLUMN analytics_report_monthly_people.people_signed_in IS
    'Those of them who signed in; null where they are too few.';
