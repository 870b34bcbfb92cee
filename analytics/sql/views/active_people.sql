-- What the views for BI share: one row for each day and deployment type (no sum of the two, whose difference would give
-- a small part away), and none that is about fewer people than analytics_view_threshold says. An empty threshold shows
-- nothing. Whoever may read a view need not be able to read what it is made of, and `security_barrier` keeps conditions
-- of theirs from being tried on rows that are left out. No view depends on the time zone of who reads it.
CREATE OR REPLACE VIEW analytics_report_active_people WITH (security_barrier) AS
SELECT day, deployment_type, people AS active_people,
       CASE WHEN analytics_is_told(people_signed_in, (SELECT smallest_group FROM analytics_view_threshold))
            THEN people_signed_in END AS people_signed_in
FROM analytics_daily_activity
WHERE deployment_type <> 'all'
  AND people > 0 AND analytics_is_told(people, (SELECT smallest_group FROM analytics_view_threshold));
COMMENT ON VIEW analytics_report_active_people IS
    'Daily active people: those of whom there is any event, by UTC day and deployment type.';
COMMENT ON COLUMN analytics_report_active_people.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_active_people.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_active_people.active_people IS 'Distinct people of whom there is any event.';
COMMENT ON COLUMN analytics_report_active_people.people_signed_in IS
    'Those of them who signed in; null where they are too few.';
