-- Noise for numbers about people: the cell-key method of statistical offices. The same set of people always has the same
-- noise, so asking again teaches nothing; another set has other noise, so the difference of two numbers is no number of
-- people. docs/reports.md has the method and its limits. Without a threshold, or without the key, nothing is shown.

-- The key of some people of a chunk. Keys of chunks of one set are combined by bit_xor(); 0 is nobody.
-- `secret` is analytics_noise_key.key, which a role that reads the views cannot read.
CREATE OR REPLACE FUNCTION analytics_chunk_key(secret bytea, chunk integer, bits bit) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN bit_count(bits) > 0
            THEN ('x' || encode(substr(sha256(secret || int4send(chunk) || bit_send(bits)), 1, 8), 'hex'))::bit(64)::bigint
            ELSE 0::bigint END;

-- The noise of a key, or of a sum of independent noise: uniform from 0 to less than 1.
CREATE OR REPLACE FUNCTION analytics_noise(key bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (key & 4503599627370495)::float8 / 4503599627370496::float8;

-- What disjoint sets are together.
CREATE OR REPLACE FUNCTION analytics_add_noise(one double precision[], other double precision[]) RETURNS double precision[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ARRAY(SELECT a + b - floor(a + b) FROM unnest(one, other) WITH ORDINALITY AS pair (a, b, place) ORDER BY place);
CREATE OR REPLACE AGGREGATE analytics_sum_of_noise(double precision[])
    (SFUNC = analytics_add_noise, STYPE = double precision[], PARALLEL = SAFE);

-- How many people a number may be wrong by, up or down; none if every group is shown.
CREATE OR REPLACE FUNCTION analytics_noise_bound(smallest integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN smallest > 1 THEN ceil(smallest / 2.0)::float8 ELSE 0::float8 END;

-- A number of people as it is shown. None is shown as it is. Null where it, with or without its noise, is below `smallest`:
-- with noise alone a small group could be shown, without it whether it is shown would tell the number.
CREATE OR REPLACE FUNCTION analytics_shown_people(people bigint, noise double precision, smallest integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN people = 0 OR smallest = 1 THEN people
            WHEN people >= smallest
                 AND people + floor(noise * (2 * analytics_noise_bound(smallest) + 1)) - analytics_noise_bound(smallest) >= smallest
            THEN (people + floor(noise * (2 * analytics_noise_bound(smallest) + 1)) - analytics_noise_bound(smallest))::bigint END;

-- A number of what people did on a day (uses, requests, errors, sessions, sign-ins), before days and names are added up: as
-- wrong as a number of people by what each of them did on average, or by once. `which` tells apart several numbers of one
-- set: each has 13 other bits of the noise. Below zero at times, so that sums are right on average.
CREATE OR REPLACE FUNCTION analytics_shown_events(
    events bigint, people bigint, noise double precision, which integer, smallest integer
) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN events = 0 OR smallest = 1 THEN events
            ELSE events + round((2 * (noise * 8192 ^ which - floor(noise * 8192 ^ which)) - 1)
                                * analytics_noise_bound(smallest) * greatest(1, events::float8 / people))::bigint END;
