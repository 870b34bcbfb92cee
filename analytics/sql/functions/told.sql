-- Which numbers about people are told, for pages and views for BI alike; and the days of a report.

-- A group is told if it is none at all, or not smaller than `smallest`. Where either is not known, it is not.
CREATE OR REPLACE FUNCTION analytics_is_told(people bigint, smallest integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN people NOT BETWEEN 1 AND smallest - 1;

-- A cohort as it is shown: its people, how many of them came back in the seven days after, in percent too, and on each of
-- these days. `came_back_on` has a number for each day, or none. `noise` is that of the people, of those who came back, and
-- of each day's. `days_over` is how many of the days are over for all of the cohort: a later one is null. So is whatever is
-- about too few people, and all of it if the cohort is too small.
CREATE OR REPLACE FUNCTION analytics_retention(
    new_people bigint, came_back bigint, came_back_on bigint[], noise double precision[], days_over integer, smallest integer
) RETURNS TABLE (people bigint, returned bigint, retention_percent numeric, day_1 bigint, day_2 bigint, day_3 bigint,
                 day_4 bigint, day_5 bigint, day_6 bigint, day_7 bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT shown,
           back[1],
           100.0 * back[1] / nullif(shown, 0),
           back[2], back[3], back[4],
           back[5], back[6], back[7], back[8]
    FROM (SELECT analytics_shown_people(new_people, noise[1], smallest) AS shown) AS group_of
    CROSS JOIN LATERAL (
        -- Never more than the people shown; the same noise for those on a day and for all who came back, if they are the same.
        SELECT array_agg(CASE WHEN shown IS NOT NULL AND days_over >= over AND number IS NOT NULL
                                   AND analytics_shown_people(number, of_number, smallest) IS NOT NULL
                              THEN least(shown, analytics_shown_people(number, of_number, smallest)) END
                         ORDER BY place) AS back
        FROM unnest(came_back || came_back_on, noise[2:9], ARRAY[7, 1, 2, 3, 4, 5, 6, 7])
             WITH ORDINALITY AS each (number, of_number, over, place)
    ) AS returns;
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
