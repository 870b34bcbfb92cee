-- What the views for BI share: one row for each day and deployment type, with noise (see functions/noise.sql), and none that
-- is about fewer people than analytics_view_threshold says. An empty threshold shows
-- nothing. Whoever may read a view need not be able to read what it is made of, and `security_barrier` keeps conditions
-- of theirs from being tried on rows that are left out. No view depends on the time zone of who reads it.
CREATE OR REPLACE VIEW analytics_report_active_people WITH (security_barrier) AS
SELECT day, deployment_type, shown::integer AS active_people,
       analytics_shown_people(people_signed_in, noise[2], smallest_group)::integer AS people_signed_in
FROM analytics_daily_activity CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL (SELECT analytics_shown_people(people, noise[1], smallest_group) AS shown) AS active
WHERE deployment_type <> 'all' AND shown > 0;
COMMENT ON VIEW analytics_report_active_people IS
    'Daily active people: those of whom there is any event, by UTC day and deployment type.';
COMMENT ON COLUMN analytics_report_active_people.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_active_people.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_active_people.active_people IS 'Distinct people of whom there is any event.';
COMMENT ON COLUMN analytics_report_active_people.people_signed_in IS
    'Those of them who signed in; null where they are too few.';
