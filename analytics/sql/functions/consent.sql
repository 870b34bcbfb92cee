-- A number of people about whose choices a report is, rounded down to a multiple of `smallest`, so that one person more or
-- less shows in few of the days; null where the people are fewer but not none.
CREATE OR REPLACE FUNCTION analytics_rounded(people bigint, smallest integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN analytics_is_told(people, smallest) THEN people - people % smallest END;
