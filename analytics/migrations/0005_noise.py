"""Noise in numbers about people: its key, its columns, and the functions and views that show numbers with it."""

from importlib import import_module

import django.contrib.postgres.fields
from django.db import migrations, models

from privacy import labels

KEY = """
CREATE TABLE analytics_noise_key (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    key bytea NOT NULL
);
COMMENT ON TABLE analytics_noise_key IS 'Secret of the noise in numbers about people; one row.';
INSERT INTO analytics_noise_key (key)
VALUES (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
"""
FUNCTIONS = r"""
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

DROP FUNCTION analytics_people_by_name;
-- Distinct people over a range of days by name: of features, actions or endpoints (`wanted`, a measure of
-- analytics_people_of_day), in one deployment type or in `all` (`part`).
--
-- People are counted by bits, which are there as long as the raw rows are. For a range that begins before that, their
-- number is not known (null), but `at_least` still says how many they are at the least, from the days that are left and
-- from whole months: enough to tell that a group is not small. `noise` is that of the people who are counted.
CREATE OR REPLACE FUNCTION analytics_people_by_name(wanted varchar, first date, after date, part varchar)
RETURNS TABLE (name varchar, people bigint, at_least bigint, noise double precision)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH chunks AS (
        SELECT of_day.name, chunk, bit_or(bits) AS bits
        FROM analytics_people_of_day of_day
        WHERE day >= first AND day < after AND measure = wanted
          AND part IN ('all', deployment_type)
        GROUP BY of_day.name, chunk
    ), days AS (
        SELECT chunks.name, sum(bit_count(bits))::bigint AS people,
               analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits))) AS noise
        FROM chunks GROUP BY chunks.name
    ), months AS (
        SELECT of_month.name, max(of_month.people)::bigint AS people, max(of_month.noise) AS noise
        FROM analytics_monthly_people of_month
        WHERE month >= first AND month + interval '1 month' <= after AND measure = wanted
          AND deployment_type = part
        GROUP BY of_month.name
    )
    SELECT name, CASE WHEN first >= analytics_first_open_day() THEN days.people END,
           greatest(days.people, months.people), coalesce(days.noise, months.noise)
    FROM days FULL JOIN months USING (name);
END;
"""
# People of closed days are not known any more, so their noise is of no set; open days are computed again.
FILL = """
UPDATE analytics_daily_activity SET noise = ARRAY[random(), random(), random(), random(), random()];
UPDATE analytics_daily_feature SET noise = random(), people = uses;
UPDATE analytics_daily_endpoint SET noise = random(), people = requests;
UPDATE analytics_monthly_people SET noise = random();
UPDATE analytics_cohort SET noise = ARRAY[random(), random(), random(), random(), random(), random(), random(), random(), random()];
INSERT INTO analytics_touched_day (day) SELECT day FROM analytics_rolled_up_day WHERE NOT closed;
"""
VIEWS = r"""
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

CREATE OR REPLACE VIEW analytics_report_sign_ins WITH (security_barrier) AS
SELECT day, deployment_type,
       greatest(analytics_shown_events(sign_ins, people_signed_in, noise[2], 1, smallest_group), 0) AS sign_ins,
       shown::integer AS people
FROM analytics_daily_activity CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL (SELECT analytics_shown_people(people_signed_in, noise[2], smallest_group) AS shown) AS signed_in
WHERE deployment_type <> 'all' AND shown > 0;
COMMENT ON VIEW analytics_report_sign_ins IS 'How often people signed in, and how many did, by UTC day and deployment type.';
COMMENT ON COLUMN analytics_report_sign_ins.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_sign_ins.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_sign_ins.sign_ins IS 'Number of sign-ins.';
COMMENT ON COLUMN analytics_report_sign_ins.people IS 'Distinct people who signed in.';

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

CREATE OR REPLACE VIEW analytics_report_monthly_people WITH (security_barrier) AS
SELECT active.month, active.deployment_type, shown::integer AS active_people,
       analytics_shown_people(coalesce(signed_in.people, 0), signed_in.noise, smallest_group)::integer AS people_signed_in
FROM analytics_monthly_people active
LEFT JOIN analytics_monthly_people signed_in
    ON signed_in.month = active.month AND signed_in.deployment_type = active.deployment_type
       AND signed_in.measure = 'sign_in' AND signed_in.name = ''
CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL (SELECT analytics_shown_people(active.people, active.noise, smallest_group) AS shown) AS of_month
WHERE active.measure = 'any' AND active.name = '' AND active.deployment_type <> 'all' AND shown > 0;
COMMENT ON VIEW analytics_report_monthly_people IS
    'Monthly active people: distinct people of whom there is any event, by month and deployment type.';
COMMENT ON COLUMN analytics_report_monthly_people.month IS 'First day of the month, UTC.';
COMMENT ON COLUMN analytics_report_monthly_people.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_monthly_people.active_people IS
    'Distinct people of whom there is any event in the month.';
COMMENT ON COLUMN analytics_report_monthly_people.people_signed_in IS
    'Those of them who signed in; null where they are too few.';

-- People are counted by bits, which are there as long as the raw rows are: without them a group might be small.
CREATE OR REPLACE VIEW analytics_report_feature_adoption WITH (security_barrier) AS
WITH uses AS (
    SELECT day, deployment_type, feature_name,
           sum(analytics_shown_events(uses, people, noise, 1, smallest_group))::bigint AS uses
    FROM analytics_daily_feature CROSS JOIN analytics_view_threshold
    GROUP BY day, deployment_type, feature_name
)
SELECT day, deployment_type, feature_name::varchar AS feature_name, shown AS unique_users,
       greatest(uses, 0) AS total_uses
FROM uses
CROSS JOIN LATERAL (
    SELECT analytics_shown_people(
               sum(bit_count(bits))::bigint,
               analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits))),
               (SELECT smallest_group FROM analytics_view_threshold)) AS shown
    FROM analytics_people_of_day people
    WHERE people.day = uses.day AND people.deployment_type = uses.deployment_type
      AND measure = 'feature' AND name = feature_name
) AS counted
WHERE shown > 0;
COMMENT ON VIEW analytics_report_feature_adoption IS
    'How many people used each feature, and how often, by UTC day and deployment type.';
COMMENT ON COLUMN analytics_report_feature_adoption.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_feature_adoption.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_feature_adoption.feature_name IS 'Feature, as the catalogue declares it.';
COMMENT ON COLUMN analytics_report_feature_adoption.unique_users IS 'Distinct people who used it.';
COMMENT ON COLUMN analytics_report_feature_adoption.total_uses IS 'How often it was used.';

-- People are counted by bits, which are there as long as the raw rows are: without them a group might be small. Counted for
-- each row by itself, so that a range of days reads the bits of those days only.
CREATE OR REPLACE VIEW analytics_report_endpoint_performance WITH (security_barrier) AS
SELECT day, deployment_type, endpoint, method, shown.people AS unique_users, shown.requests, shown.errors,
       trim_scale(round(100.0 * shown.errors / shown.requests, 4)) AS error_percent,
       round(duration_ns / daily.requests / 1000000, 4)::float8 AS avg_ms,
       round(analytics_percentile(buckets, counts, 0.5)::numeric, 4)::float8 AS p50_ms,
       round(analytics_percentile(buckets, counts, 0.95)::numeric, 4)::float8 AS p95_ms,
       round(analytics_percentile(buckets, counts, 0.99)::numeric, 4)::float8 AS p99_ms
FROM analytics_daily_endpoint daily CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL (
    SELECT sum(bit_count(bits))::bigint AS people FROM analytics_people_of_day of_day
    WHERE of_day.day = daily.day AND of_day.deployment_type = daily.deployment_type
      AND measure = 'endpoint' AND name = method || ' ' || endpoint
) AS counted
CROSS JOIN LATERAL (
    SELECT greatest(analytics_shown_events(daily.requests, daily.people, noise, 1, smallest_group), 1) AS requests,
           greatest(analytics_shown_events(daily.errors, daily.people, noise, 2, smallest_group), 0) AS errors
) AS events
CROSS JOIN LATERAL (
    SELECT analytics_shown_people(counted.people, noise, smallest_group) AS people, events.requests,
           least(events.errors, events.requests) AS errors
) AS shown
WHERE shown.people > 0;
COMMENT ON VIEW analytics_report_endpoint_performance IS
    'Requests, errors (status 500 and above, or unknown) and durations in milliseconds by URL pattern, method, UTC day and deployment '
    'type. Percentiles are within 2 percent, and those of several days cannot be averaged.';
COMMENT ON COLUMN analytics_report_endpoint_performance.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_endpoint_performance.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_endpoint_performance.endpoint IS 'URL pattern, never a path.';
COMMENT ON COLUMN analytics_report_endpoint_performance.method IS 'HTTP method.';
COMMENT ON COLUMN analytics_report_endpoint_performance.unique_users IS 'Distinct people who requested it.';
COMMENT ON COLUMN analytics_report_endpoint_performance.requests IS 'Number of requests.';
COMMENT ON COLUMN analytics_report_endpoint_performance.errors IS 'Requests with status 500 and above, or unknown.';
COMMENT ON COLUMN analytics_report_endpoint_performance.error_percent IS 'Errors in percent of requests.';
COMMENT ON COLUMN analytics_report_endpoint_performance.avg_ms IS 'Average duration in milliseconds.';
COMMENT ON COLUMN analytics_report_endpoint_performance.p50_ms IS 'Median duration in milliseconds, within 2 percent.';
COMMENT ON COLUMN analytics_report_endpoint_performance.p95_ms IS
    '95th percentile in milliseconds, within 2 percent; not to be averaged over days.';
COMMENT ON COLUMN analytics_report_endpoint_performance.p99_ms IS
    '99th percentile in milliseconds, within 2 percent; not to be averaged over days.';

-- Those who returned are a group as well: see analytics_retention() in told.sql.
CREATE OR REPLACE VIEW analytics_report_retention WITH (security_barrier) AS
SELECT first_day, deployment_type, shown.people, shown.returned,
       trim_scale(round(shown.retention_percent, 4)) AS retention_percent,
       day_1, day_2, day_3, day_4, day_5, day_6, day_7
FROM analytics_cohort cohort
CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL analytics_retention(
    cohort.people, cohort.returned, returned_on, noise, (now() AT TIME ZONE 'UTC')::date - first_day - 1, smallest_group) AS shown
WHERE deployment_type <> 'all' AND shown.people > 0;
COMMENT ON VIEW analytics_report_retention IS
    'Of the people whose first event is of a UTC day, how many were active again on one of the seven days after it, and on each.';
COMMENT ON COLUMN analytics_report_retention.first_day IS 'UTC day of the first event.';
COMMENT ON COLUMN analytics_report_retention.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_retention.people IS 'New people: those whose first event it was.';
COMMENT ON COLUMN analytics_report_retention.returned IS
    'Those of them who were active on one of the seven days after; null where too few, or not over yet.';
COMMENT ON COLUMN analytics_report_retention.retention_percent IS 'Returned in percent of people.';
DO $$
BEGIN
    FOR day IN 1..7 LOOP
        EXECUTE format('COMMENT ON COLUMN analytics_report_retention.day_%s IS %L', day, format(
            'Those of them who were active on day %s after the first; null where too few, or not over yet.', day));
    END LOOP;
END $$;

-- The same by the ISO week (from Monday, UTC) of the first event. A day is counted once it is over for everybody of the week.
CREATE OR REPLACE VIEW analytics_report_weekly_retention WITH (security_barrier) AS
WITH weeks AS (
    SELECT date_trunc('week', first_day::timestamp)::date AS first_day, deployment_type,
           sum(people) AS people, sum(returned) AS returned, analytics_sum_of_days(returned_on) AS returned_on,
           analytics_sum_of_noise(noise) AS noise
    FROM analytics_cohort
    WHERE deployment_type <> 'all'
    GROUP BY date_trunc('week', first_day::timestamp)::date, deployment_type
)
SELECT first_day, deployment_type, shown.people, shown.returned,
       trim_scale(round(shown.retention_percent, 4)) AS retention_percent,
       day_1, day_2, day_3, day_4, day_5, day_6, day_7
FROM weeks
CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL analytics_retention(
    weeks.people, weeks.returned, returned_on, noise, (now() AT TIME ZONE 'UTC')::date - first_day - 7, smallest_group) AS shown
WHERE shown.people > 0;
COMMENT ON VIEW analytics_report_weekly_retention IS
    'The same as retention, by the ISO week of the first event: for a site whose single days are too small.';
DO $$
DECLARE
    of_daily record;
BEGIN
    FOR of_daily IN SELECT attname, col_description(attrelid, attnum) AS comment FROM pg_attribute
                    WHERE attrelid = 'analytics_report_retention'::regclass AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN analytics_report_weekly_retention.%I IS %L', of_daily.attname, of_daily.comment);
    END LOOP;
END $$;
COMMENT ON COLUMN analytics_report_weekly_retention.first_day IS 'Monday of the ISO week of the first event, UTC.';

CREATE OR REPLACE VIEW analytics_report_sessions WITH (security_barrier) AS
SELECT day, deployment_type,
       greatest(analytics_shown_events(sessions, people_in_sessions, noise[3], 1, smallest_group), 0) AS sessions,
       round(length_us / sessions / 1000000, 4)::float8 AS avg_s,
       round((analytics_percentile(buckets, counts, 0.5) / 1e6)::numeric, 4)::float8 AS p50_s,
       round((analytics_percentile(buckets, counts, 0.95) / 1e6)::numeric, 4)::float8 AS p95_s
FROM analytics_daily_sessions JOIN analytics_daily_activity USING (day, deployment_type)
CROSS JOIN analytics_view_threshold
WHERE analytics_shown_people(people_in_sessions, noise[3], smallest_group) > 0;
COMMENT ON VIEW analytics_report_sessions IS
    'Sessions and their lengths in seconds, by UTC day and deployment type, each from its first event of the day to its last. '
    'Percentiles are within 2 percent.';
COMMENT ON COLUMN analytics_report_sessions.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_sessions.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_sessions.sessions IS
    'Sessions with an event on the day; one that goes on past midnight counts on both days.';
COMMENT ON COLUMN analytics_report_sessions.avg_s IS 'Average length in seconds, first to last event of the day.';
COMMENT ON COLUMN analytics_report_sessions.p50_s IS 'Median length in seconds, within 2 percent.';
COMMENT ON COLUMN analytics_report_sessions.p95_s IS
    '95th percentile in seconds, within 2 percent; not to be averaged over days.';

DROP FUNCTION analytics_retention(bigint, bigint, bigint[], integer, integer);
"""
NO_FUNCTIONS = r"""
DROP AGGREGATE analytics_sum_of_noise(double precision[]);
DROP FUNCTION analytics_people_by_name,
    analytics_retention(bigint, bigint, bigint[], double precision[], integer, integer), analytics_add_noise, analytics_shown_events,
    analytics_shown_people, analytics_noise_bound, analytics_noise, analytics_chunk_key;

-- Distinct people over a range of days by name: of features, actions or endpoints (`wanted`, a measure of
-- analytics_people_of_day), in one deployment type or in `all` (`part`).
--
-- People are counted by bits, which are there as long as the raw rows are. For a range that begins before that, their
-- number is not known (null), but `at_least` still says how many they are at the least, from the days that are left and
-- from whole months: enough to tell that a group is not small.
CREATE OR REPLACE FUNCTION analytics_people_by_name(wanted varchar, first date, after date, part varchar)
RETURNS TABLE (name varchar, people bigint, at_least bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH chunks AS (
        SELECT of_day.name, chunk, bit_count(bit_or(bits)) AS people
        FROM analytics_people_of_day of_day
        WHERE day >= first AND day < after AND measure = wanted
          AND part IN ('all', deployment_type)
        GROUP BY of_day.name, chunk
    ), days AS (
        SELECT chunks.name, sum(chunks.people)::bigint AS people FROM chunks GROUP BY chunks.name
    ), months AS (
        SELECT of_month.name, max(of_month.people)::bigint AS people
        FROM analytics_monthly_people of_month
        WHERE month >= first AND month + interval '1 month' <= after AND measure = wanted
          AND deployment_type = part
        GROUP BY of_month.name
    )
    SELECT name, CASE WHEN first >= analytics_first_open_day() THEN days.people END,
           greatest(days.people, months.people)
    FROM days FULL JOIN months USING (name);
END;
"""
RETENTION_BEFORE = r"""
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
"""
VIEWS_BEFORE: str = import_module("analytics.migrations.0001_initial").VIEWS
OF_PEOPLE = "Noise of these people; see sql/functions/noise.sql."


class Migration(labels.Migration):
    dependencies = [("analytics", "0004_consent_of_day")]

    operations = [
        migrations.RunSQL(KEY, "DROP TABLE analytics_noise_key"),
        migrations.AddField(
            model_name="cohort",
            name="noise",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.FloatField(null=True),
                db_default=[],
                help_text="Noise of people, returned and each of returned_on, in order; see sql/functions/noise.sql.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="dailyactivity",
            name="noise",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.FloatField(null=True),
                db_default=[],
                help_text="Noise of each of the five numbers of people, in order; see sql/functions/noise.sql.",
                size=None,
            ),
        ),
        *(
            migrations.AddField(model_name=model, name="noise", field=models.FloatField(help_text=OF_PEOPLE, null=True))
            for model in ("dailyendpoint", "dailyfeature", "monthlypeople")
        ),
        *(
            migrations.AddField(model_name=model, name="people", field=models.IntegerField(db_default=1))
            for model in ("dailyendpoint", "dailyfeature")
        ),
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(VIEWS, [RETENTION_BEFORE, VIEWS_BEFORE]),
    ]
