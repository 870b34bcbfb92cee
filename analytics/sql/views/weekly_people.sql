-- Counted by bits, which are there as long as the raw rows are; a week of which a day is closed is left out. (The function
-- that says so would read its table with the rights of whoever reads the view.)
CREATE OR REPLACE VIEW analytics_report_weekly_people WITH (security_barrier) AS
WITH chunks AS (
    SELECT date_trunc('week', day::timestamp)::date AS first_day, deployment_type, chunk,
           bit_or(bits) FILTER (WHERE measure = 'any') AS active,
           bit_or(bits) FILTER (WHERE measure = 'sign_in') AS signed_in
    FROM analytics_people_of_day
    WHERE measure IN ('any', 'sign_in')
      AND date_trunc('week', day::timestamp)::date
          > coalesce((SELECT max(day) FROM analytics_rolled_up_day WHERE closed), '0001-01-01')
    GROUP BY 1, deployment_type, chunk
), counted AS (
    SELECT first_day, deployment_type, sum(bit_count(active))::bigint AS active,
           analytics_noise(bit_xor(analytics_chunk_key(secret.key, chunk, active))) AS noise_of_active,
           coalesce(sum(bit_count(signed_in)), 0)::bigint AS signed_in,
           analytics_noise(bit_xor(analytics_chunk_key(secret.key, chunk, signed_in))) AS noise_of_signed_in
    FROM chunks LEFT JOIN analytics_noise_key secret ON true
    GROUP BY first_day, deployment_type
)
SELECT first_day, deployment_type, shown AS active_people,
       analytics_shown_people(signed_in, noise_of_signed_in, smallest_group) AS people_signed_in
FROM counted CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL (SELECT analytics_shown_people(active, noise_of_active, smallest_group) AS shown) AS of_week
WHERE shown > 0;
COMMENT ON VIEW analytics_report_weekly_people IS
    'Weekly active people: distinct people of whom there is any event, by ISO week and deployment type.';
COMMENT ON COLUMN analytics_report_weekly_people.first_day IS 'Monday of the ISO week, UTC.';
COMMENT ON COLUMN analytics_report_weekly_people.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_weekly_people.active_people IS 'Distinct people of whom there is any event in the week.';
COMMENT ON COLUMN analytics_report_weekly_people.people_signed_in IS
    'Those of them who signed in; null where they are too few.';
