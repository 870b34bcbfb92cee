-- Which numbers about people are told, for pages and views for BI alike; and the days of a report.

-- A group is told if it is none at all, or not smaller than `smallest`. Where either is not known, it is not.
CREATE OR REPLACE FUNCTION analytics_is_told(people bigint, smallest integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN people NOT BETWEEN 1 AND smallest - 1;

-- A cohort as it is told: its people, how many of them came back in the seven days after, in percent too, and on each of
-- these days. `came_back_on` has a number for each day, or none. `days_over` is how many of the days are over for all of
-- the cohort: a later one is null. So is whatever is about too few people, and all of it if the cohort is too small.
CREATE OR REPLACE FUNCTION analytics_retention(
    new_people bigint, came_back bigint, came_back_on bigint[], days_over integer, smallest integer
) RETURNS TABLE (people bigint, returned bigint, retention_percent numeric, day_1 bigint, day_2 bigint, day_3 bigint,
                 day_4 bigint, day_5 bigint, day_6 bigint, day_7 bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN large THEN new_people END,
           CASE WHEN judged >= 7 AND analytics_is_told(came_back, smallest) THEN came_back END,
           CASE WHEN judged >= 7 AND analytics_is_told(came_back, smallest) THEN 100.0 * came_back / new_people END,
           CASE WHEN judged >= 1 AND analytics_is_told(came_back_on[1], smallest) THEN came_back_on[1] END,
           CASE WHEN judged >= 2 AND analytics_is_told(came_back_on[2], smallest) THEN came_back_on[2] END,
           CASE WHEN judged >= 3 AND analytics_is_told(came_back_on[3], smallest) THEN came_back_on[3] END,
           CASE WHEN judged >= 4 AND analytics_is_told(came_back_on[4], smallest) THEN came_back_on[4] END,
           CASE WHEN judged >= 5 AND analytics_is_told(came_back_on[5], smallest) THEN came_back_on[5] END,
           CASE WHEN judged >= 6 AND analytics_is_told(came_back_on[6], smallest) THEN came_back_on[6] END,
           CASE WHEN judged >= 7 AND analytics_is_told(came_back_on[7], smallest) THEN came_back_on[7] END
    FROM (SELECT analytics_is_told(new_people, smallest) AS large) AS group_of
    CROSS JOIN LATERAL (SELECT CASE WHEN large THEN days_over END AS judged) AS days;
END;

-- Cohorts together: their numbers of each day added up; none (an empty array) where one of them has none.
CREATE OR REPLACE FUNCTION analytics_add_days(known integer[], more integer[]) RETURNS integer[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ARRAY(SELECT one + other FROM unnest(known, more) WITH ORDINALITY AS pair (one, other, day)
             WHERE cardinality(known) = cardinality(more) ORDER BY day);
CREATE OR REPLACE AGGREGATE analytics_sum_of_days(integer[]) (SFUNC = analytics_add_days, STYPE = integer[], PARALLEL = SAFE);

-- From `first` to the day before `after`.
CREATE OR REPLACE FUNCTION analytics_days(first date, after date) RETURNS SETOF date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT day::date FROM generate_series(first::timestamp, (after - 1)::timestamp, interval '1 day') AS of_range (day);
END;
