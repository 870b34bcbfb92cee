CREATE OR REPLACE VIEW analytics_report_monthly_people WITH (security_barrier) AS
SELECT month, deployment_type, people AS active_people
FROM analytics_monthly_people
WHERE measure = 'sign_in' AND deployment_type <> 'all'
  AND people >= (SELECT smallest_group FROM analytics_view_threshold);
COMMENT ON VIEW analytics_report_monthly_people IS
    'Monthly active people: distinct people who signed in, by month (its first day, UTC) and deployment type.';
