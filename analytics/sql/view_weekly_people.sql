-- Counted by bits, which are there as long as the raw rows are; a week of which a day is closed is left out. (The function
-- that says so would read its table with the rights of whoever reads the view.)
CREATE OR REPLACE VIEW analytics_report_weekly_people WITH (security_barrier) AS
WITH chunks AS (
    SELECT date_trunc('week', day::timestamp)::date AS first_day, deployment_type, chunk,
           bit_count(bit_or(bits)) AS people
    FROM analytics_people_of_day
    WHERE measure = 'sign_in'
      AND date_trunc('week', day::timestamp)::date
          > coalesce((SELECT max(day) FROM analytics_rolled_up_day WHERE closed), '0001-01-01')
    GROUP BY 1, deployment_type, chunk
)
SELECT first_day, deployment_type, sum(people)::bigint AS active_people
FROM chunks
GROUP BY first_day, deployment_type
HAVING sum(people) >= (SELECT smallest_group FROM analytics_view_threshold);
COMMENT ON VIEW analytics_report_weekly_people IS
    'Weekly active people: distinct people who signed in, by ISO week (its Monday, UTC) and deployment type.';
