CREATE OR REPLACE VIEW analytics_report_monthly_people WITH (security_barrier) AS
SELECT active.month, active.deployment_type, active.people AS active_people,
       CASE WHEN analytics_is_told(coalesce(signed_in.people, 0), (SELECT smallest_group FROM analytics_view_threshold))
            THEN coalesce(signed_in.people, 0) END AS people_signed_in
FROM analytics_monthly_people active
LEFT JOIN analytics_monthly_people signed_in
    ON signed_in.month = active.month AND signed_in.deployment_type = active.deployment_type
       AND signed_in.measure = 'sign_in' AND signed_in.name = ''
WHERE active.measure = 'any' AND active.name = '' AND active.deployment_type <> 'all'
  AND active.people > 0 AND analytics_is_told(active.people, (SELECT smallest_group FROM analytics_view_threshold));
COMMENT ON VIEW analytics_report_monthly_people IS
    'Monthly active people: distinct people of whom there is any event, by month and deployment type.';
COMMENT ON COLUMN analytics_report_monthly_people.month IS 'First day of the month, UTC.';
COMMENT ON COLUMN analytics_report_monthly_people.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_monthly_people.active_people IS
    'Distinct people of whom there is any event in the month.';
COMMENT ON COLUMN analytics_report_monthly_people.people_signed_in IS
    'Those of them who signed in; null where they are too few.';
