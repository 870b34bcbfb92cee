-- Counted by bits, which are there as long as the raw rows are; a week of which a day is closed is left out. (The function
-- that says so would read its table with the rights of whoever reads the view.)
CREATE OR REPLACE VIEW analytics_report_weekly_people WITH (security_barrier) AS
WITH chunks AS (
    SELECT date_trunc('week', day::timestamp)::date AS first_day, deployment_type, chunk,
           bit_count(bit_or(bits) FILTER (WHERE measure = 'any')) AS people,
           bit_count(bit_or(bits) FILTER (WHERE measure = 'sign_in')) AS people_signed_in
    FROM analytics_people_of_day
    WHERE measure IN ('any', 'sign_in')
      AND date_trunc('week', day::timestamp)::date
          > coalesce((SELECT max(day) FROM analytics_rolled_up_day WHERE closed), '0001-01-01')
    GROUP BY 1, deployment_type, chunk
), counted AS (
    SELECT first_day, deployment_type, sum(people)::bigint AS active_people,
           coalesce(sum(people_signed_in), 0)::bigint AS people_signed_in
    FROM chunks
    GROUP BY first_day, deployment_type
)
SELECT first_day, deployment_type, active_people,
       CASE WHEN analytics_is_told(people_signed_in, (SELECT smallest_group FROM analytics_view_threshold))
            THEN people_signed_in END AS people_signed_in
FROM counted
WHERE active_people > 0 AND analytics_is_told(active_people, (SELECT smallest_group FROM analytics_view_threshold));
COMMENT ON VIEW analytics_report_weekly_people IS
    'Weekly active people: distinct people of whom there is any event, by ISO week and deployment type.';
COMMENT ON COLUMN analytics_report_weekly_people.first_day IS 'Monday of the ISO week, UTC.';
COMMENT ON COLUMN analytics_report_weekly_people.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_weekly_people.active_people IS 'Distinct people of whom there is any event in the week.';
COMMENT ON COLUMN analytics_report_weekly_people.people_signed_in IS
    'Those of them who signed in; null where they are too few.';
