-- What the views for BI share: one row for each day and deployment type (no sum of the two, whose difference would give
-- a small part away), and none that is about fewer people than analytics_view_threshold says. An empty threshold shows
-- nothing. Whoever may read a view need not be able to read what it is made of, and `security_barrier` keeps conditions
-- of theirs from being tried on rows that are left out.
CREATE OR REPLACE VIEW analytics_report_active_people WITH (security_barrier) AS
SELECT day, deployment_type, people_signed_in AS active_people
FROM analytics_daily_activity
WHERE deployment_type <> 'all'
  AND people_signed_in >= (SELECT smallest_group FROM analytics_view_threshold);
COMMENT ON VIEW analytics_report_active_people IS 'Daily active people: who signed in, by UTC day and deployment type.';
