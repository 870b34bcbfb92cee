-- Closes the days before a day, because their raw rows are about to go: who was active on them is known as "earlier" from
-- now on, and which day it was is forgotten. Parameter: day.
WITH bits_of_closed AS (
    DELETE FROM analytics_people_of_day WHERE day < %(day)s RETURNING deployment_type, measure, chunk, bits
), earlier AS (
    INSERT INTO analytics_earlier_people AS known (deployment_type, chunk, bits)
    SELECT deployment_type, chunk, bit_or(bits) FROM bits_of_closed WHERE measure = 'any'
    GROUP BY deployment_type, chunk
    ON CONFLICT (deployment_type, chunk) DO UPDATE SET bits = known.bits | excluded.bits
), last AS (
    -- The last of them is closed even if it had no rows: it is what later rows are compared with.
    INSERT INTO analytics_rolled_up_day (day, rolled_up_at, closed, cohort_closed)
    VALUES (%(day)s::date - 1, now(), true, true)
    ON CONFLICT (day) DO UPDATE SET closed = true, cohort_closed = true
)
UPDATE analytics_rolled_up_day SET closed = true, cohort_closed = true WHERE day < %(day)s::date - 1 AND NOT closed
