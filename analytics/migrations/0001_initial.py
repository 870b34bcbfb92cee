"""All of the telemetry database: tables, locks, functions and views.

Its SQL is frozen. Files in analytics/sql say what functions and views are now; a change of one is a later migration,
with the new text in it, and tests/test_migrations.py compares the two.
"""

import uuid

import django.contrib.postgres.fields
from django.db import migrations, models

import analytics.models
from privacy import labels

TABLES = r"""
-- The three tables of the original note: its names, its columns, its types; partitioned by month on "timestamp".
--
-- The primary key holds the partition key and, because a cluster shards by person, user_id. It also serves every query by
-- time, so the original design's index on each column is not needed; the one on user_id is for a person's own rows.
CREATE TABLE analytics_user_activity (
    id              uuid                     NOT NULL,
    user_id         uuid                     NOT NULL,
    organization_id uuid,
    event_type      varchar(64)              NOT NULL,
    "timestamp"     timestamp with time zone NOT NULL,
    session_id      varchar(64),
    deployment_type varchar(16)              NOT NULL,
    metadata        jsonb                    NOT NULL DEFAULT '{}',
    PRIMARY KEY ("timestamp", id, user_id)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX analytics_user_activity_of_user ON analytics_user_activity (user_id);

CREATE TABLE analytics_endpoint_usage (
    id              uuid                     NOT NULL,
    endpoint        varchar(512)             NOT NULL,
    method          varchar(16)              NOT NULL,
    user_id         uuid                     NOT NULL,
    organization_id uuid,
    status_code     integer                  NOT NULL,
    duration_ms     double precision         NOT NULL,
    "timestamp"     timestamp with time zone NOT NULL,
    deployment_type varchar(16)              NOT NULL,
    metadata        jsonb                    NOT NULL DEFAULT '{}',
    PRIMARY KEY ("timestamp", id, user_id)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX analytics_endpoint_usage_of_user ON analytics_endpoint_usage (user_id);

CREATE TABLE analytics_feature_usage (
    id              uuid                     NOT NULL,
    feature_name    varchar(64)              NOT NULL,
    user_id         uuid                     NOT NULL,
    organization_id uuid,
    action          varchar(64)              NOT NULL,
    "timestamp"     timestamp with time zone NOT NULL,
    deployment_type varchar(16)              NOT NULL,
    metadata        jsonb                    NOT NULL DEFAULT '{}',
    PRIMARY KEY ("timestamp", id, user_id)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX analytics_feature_usage_of_user ON analytics_feature_usage (user_id);
"""
COMMENTS = r"""
-- What BI tools show beside the three tables; the data dictionary says the same at length.
COMMENT ON TABLE analytics_user_activity IS 'Sign-ins, sign-outs and sessions: a row for each event of a pseudonymous person.';
COMMENT ON COLUMN analytics_user_activity.id IS 'Made from the span''s time and ids, so that the same span is the same row.';
COMMENT ON COLUMN analytics_user_activity.user_id IS 'Pseudonym of the person.';
COMMENT ON COLUMN analytics_user_activity.organization_id IS 'Pseudonym of the organization, if there is one.';
COMMENT ON COLUMN analytics_user_activity.event_type IS 'login, logout, session_start, ...';
COMMENT ON COLUMN analytics_user_activity."timestamp" IS 'When it happened. DATE("timestamp") is a day of the session''s time zone: SET TimeZone = ''UTC''.';
COMMENT ON COLUMN analytics_user_activity.session_id IS 'Pseudonym of the session.';
COMMENT ON COLUMN analytics_user_activity.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_user_activity.metadata IS 'Only what the catalogue declares.';
COMMENT ON TABLE analytics_endpoint_usage IS 'Requests: a row for each one of a pseudonymous person.';
COMMENT ON COLUMN analytics_endpoint_usage.id IS 'Made from the span''s time and ids, so that the same span is the same row.';
COMMENT ON COLUMN analytics_endpoint_usage.endpoint IS 'URL pattern, never the path.';
COMMENT ON COLUMN analytics_endpoint_usage.method IS 'HTTP method.';
COMMENT ON COLUMN analytics_endpoint_usage.user_id IS 'Pseudonym of the person.';
COMMENT ON COLUMN analytics_endpoint_usage.organization_id IS 'Pseudonym of the organization, if there is one.';
COMMENT ON COLUMN analytics_endpoint_usage.status_code IS
    'HTTP status code of the answer; 0 where it ended in an exception before it had one.';
COMMENT ON COLUMN analytics_endpoint_usage.duration_ms IS 'Duration in milliseconds.';
COMMENT ON COLUMN analytics_endpoint_usage."timestamp" IS 'When it began. DATE("timestamp") is a day of the session''s time zone: SET TimeZone = ''UTC''.';
COMMENT ON COLUMN analytics_endpoint_usage.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_endpoint_usage.metadata IS 'Only what the catalogue declares.';
COMMENT ON TABLE analytics_feature_usage IS 'Uses of features: a row for each one of a pseudonymous person.';
COMMENT ON COLUMN analytics_feature_usage.id IS 'Made from the span''s time and ids, so that the same span is the same row.';
COMMENT ON COLUMN analytics_feature_usage.feature_name IS 'Feature, as the catalogue declares it.';
COMMENT ON COLUMN analytics_feature_usage.user_id IS 'Pseudonym of the person.';
COMMENT ON COLUMN analytics_feature_usage.organization_id IS 'Pseudonym of the organization, if there is one.';
COMMENT ON COLUMN analytics_feature_usage.action IS 'What was done with the feature.';
COMMENT ON COLUMN analytics_feature_usage."timestamp" IS 'When it happened. DATE("timestamp") is a day of the session''s time zone: SET TimeZone = ''UTC''.';
COMMENT ON COLUMN analytics_feature_usage.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_feature_usage.metadata IS 'Only what the catalogue declares.';
"""
LOCKS = r"""
-- The locks between processes; analytics/keep/locks.py says what each is for. No row is ever in one: a lock on a table needs
-- the right to write to it, which a role that only reads does not have.
CREATE TABLE analytics_lock_keep ();
CREATE TABLE analytics_lock_rollup ();
CREATE TABLE analytics_lock_rows ();
COMMENT ON TABLE analytics_lock_keep IS 'Empty. Locked by a command that keeps telemetry.';
COMMENT ON TABLE analytics_lock_rollup IS 'Empty. Locked by a transaction that computes rollups.';
COMMENT ON TABLE analytics_lock_rows IS 'Empty. Locked, shared, by each transaction that writes rows.';
"""
FUNCTIONS = r"""
-- Makes the partitions of the month that contains a moment, for all three tables; says how many were missing.
--
-- The month is UTC's, whatever zone the connection is in. A new table is made beside its parent and then attached,
-- because ATTACH takes a lock that lets inserts go on (SHARE UPDATE EXCLUSIVE) while CREATE ... PARTITION OF does not.
-- Several writers may meet in a new month: the first one locks the first table as ATTACH does, the others then find the month.
--
-- A purge that was killed between detaching a month and dropping it leaves its table behind, detached or half detached.
-- Where the month is wanted again, that table is attached again, less the rows of people erased meanwhile: erasure
-- only sees what is attached.
CREATE OR REPLACE FUNCTION analytics_make_month(moment timestamp with time zone) RETURNS integer
LANGUAGE plpgsql SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET search_path FROM CURRENT AS $$
DECLARE
    first_day date := date_trunc('month', moment)::date;
    next_first_day date := (date_trunc('month', moment) + interval '1 month')::date;
    parent text;
    child text;
    half_detached boolean;
    left_behind boolean;
    made integer := 0;
BEGIN
    LOCK TABLE ONLY analytics_user_activity IN SHARE UPDATE EXCLUSIVE MODE;
    FOREACH parent IN ARRAY ARRAY['analytics_user_activity', 'analytics_endpoint_usage', 'analytics_feature_usage']
    LOOP
        child := format('%s_y%sm%s', parent, to_char(first_day, 'YYYY'), to_char(first_day, 'MM'));
        SELECT inhdetachpending INTO half_detached FROM pg_inherits
        WHERE inhparent = parent::regclass AND inhrelid = to_regclass(child);
        CONTINUE WHEN NOT half_detached;
        IF half_detached THEN
            EXECUTE format('ALTER TABLE %I DETACH PARTITION %I FINALIZE', parent, child);
        END IF;
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', child, parent);
            left_behind := false;
        ELSE
            left_behind := true;
        END IF;
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, first_day::timestamptz, next_first_day::timestamptz);
        IF left_behind THEN
            EXECUTE format('DELETE FROM %I usage USING analytics_erasure erased WHERE usage.user_id = erased.user_id '
                           'AND usage."timestamp" >= $1 AND usage."timestamp" < $2 '
                           'AND usage."timestamp" <= erased.requested_at', parent)
            USING first_day::timestamptz, next_first_day::timestamptz;
        END IF;
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- What the rollups and the reports from them share: the histogram, the days, and the trigger of erasures.

-- The histogram has logarithmic buckets: bucket i holds values over g^(i-1) up to g^i, with g = (1 + e) / (1 - e) and the
-- relative error e = 0.019 (DDSketch, Masson and others 2019). Histograms are merged by adding counts. Zero, which has no
-- logarithm, has a bucket of its own below all others.
CREATE OR REPLACE FUNCTION analytics_bucket(value double precision) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value > 0 THEN ceil(ln(value) / ln(1.019::float8 / 0.981::float8))::smallint
            ELSE (-32768)::smallint END;

-- The value that is nowhere in its bucket further than e from any other.
CREATE OR REPLACE FUNCTION analytics_bucket_value(bucket smallint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN bucket = -32768 THEN 0::float8
            ELSE exp(bucket * ln(1.019::float8 / 0.981::float8)) * 0.981::float8 END;

-- A request that the server failed at: 500 or more, or no status at all, because the answer ended in an exception.
CREATE OR REPLACE FUNCTION analytics_is_error(status_code integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (status_code BETWEEN 1 AND 499) IS NOT TRUE;

-- As percentile_cont does it: between the two values the rank lies between.
CREATE OR REPLACE FUNCTION analytics_between(low smallint, high smallint, rank double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN analytics_bucket_value(low)
       + (rank - floor(rank)) * (analytics_bucket_value(high) - analytics_bucket_value(low));

-- The first day whose rollups may still be computed: raw rows of the days before it have gone, or are about to.
CREATE OR REPLACE FUNCTION analytics_first_open_day() RETURNS date
LANGUAGE sql STABLE
RETURN (SELECT coalesce(max(day) + 1, '0001-01-01') FROM analytics_rolled_up_day WHERE closed);

-- The moment from which rows are shown: those from before are past their time, and go with the whole of their month.
CREATE OR REPLACE FUNCTION analytics_shown_from() RETURNS timestamp with time zone
LANGUAGE sql STABLE
RETURN (SELECT coalesce(max(shown_from), '-infinity') FROM analytics_keeping);

-- An erasure touches the days it takes rows from. The purge deletes from partitions, not from the whole table, and so
-- touches none: that is the difference between the two.
CREATE OR REPLACE FUNCTION analytics_touch_erased_days() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO analytics_touched_day (day, user_id)
    SELECT DISTINCT ("timestamp" AT TIME ZONE 'UTC')::date, user_id FROM gone;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER analytics_user_activity_erased AFTER DELETE ON analytics_user_activity
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION analytics_touch_erased_days();
CREATE OR REPLACE TRIGGER analytics_endpoint_usage_erased AFTER DELETE ON analytics_endpoint_usage
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION analytics_touch_erased_days();
CREATE OR REPLACE TRIGGER analytics_feature_usage_erased AFTER DELETE ON analytics_feature_usage
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION analytics_touch_erased_days();

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

-- Deletes every row of one pseudonym up to a moment, says how many went from each table, and leaves the tombstone that
-- keeps late and replayed events of before that moment from coming back.
--
-- Parameters: id (uuid of the request), pseudonym, requested_at. Asked again with the same id it deletes what has come
-- since (a backup restored, say) and keeps the first receipt's time.
--
-- The lock: every writer of rows holds analytics_lock_rows shared from before it looks for tombstones until it commits.
-- Erasure holds it alone, so it waits for writers that have not seen its tombstone, and later ones see it.
CREATE OR REPLACE FUNCTION analytics_erase_person(erasure_id uuid, pseudonym uuid, moment timestamp with time zone)
RETURNS jsonb LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    of_table text;
    deleted bigint;
    receipt jsonb := '{}';
BEGIN
    LOCK TABLE analytics_lock_rows IN SHARE ROW EXCLUSIVE MODE;
    FOREACH of_table IN ARRAY ARRAY['analytics_user_activity', 'analytics_endpoint_usage', 'analytics_feature_usage']
    LOOP
        EXECUTE format('DELETE FROM %I WHERE user_id = $1 AND "timestamp" <= $2', of_table) USING pseudonym, moment;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        receipt := receipt || jsonb_build_object(of_table, deleted);
    END LOOP;
    -- Of closed days no row is left to delete, but who was active on them is known as "earlier" until a rollup takes this.
    INSERT INTO analytics_touched_day (day, user_id)
    SELECT analytics_first_open_day() - 1, user_id FROM analytics_person
    WHERE user_id = pseudonym AND EXISTS (SELECT FROM analytics_rolled_up_day WHERE closed);
    INSERT INTO analytics_erasure (id, user_id, requested_at, completed_at, rows_deleted)
    VALUES (erasure_id, pseudonym, moment, statement_timestamp(), receipt)
    ON CONFLICT (id) DO UPDATE SET completed_at = statement_timestamp(), rows_deleted = excluded.rows_deleted;
    RETURN receipt;
END $$;

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

-- The value below which `share` of a histogram's values lie, as percentile_cont has it, within 2 percent; see
-- functions/rollups.sql. `buckets` in rising order, `counts` of the same length. A loop, because a view calls this for each
-- of its rows, and to start a query takes longer than to go through an array.
CREATE OR REPLACE FUNCTION analytics_percentile(buckets smallint[], counts bigint[], share double precision)
RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    total bigint := 0;
    up_to bigint := 0;
    rank double precision;
    low smallint;
    number bigint;
    position integer := 0;
BEGIN
    FOREACH number IN ARRAY counts LOOP
        total := total + number;
    END LOOP;
    rank := share * (total - 1);
    FOREACH number IN ARRAY counts LOOP
        position := position + 1;
        up_to := up_to + number;
        IF low IS NULL AND up_to > floor(rank) THEN
            low := buckets[position];
        END IF;
        IF up_to > ceil(rank) THEN
            RETURN analytics_between(low, buckets[position], rank);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- What the processor does before and after a request's rows, as functions: their statements are planned once for each
-- connection, not once for each request.

-- Before: the people among those given who have asked for deletion, and when last. The lock is held until the commit;
-- erase_person.sql says why. Each statement sees what was committed when it began, so the second one sees what the lock
-- was waiting for.
CREATE OR REPLACE FUNCTION analytics_begin_ingest(people uuid[])
RETURNS TABLE (user_id uuid, requested_at timestamp with time zone) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    LOCK TABLE analytics_lock_rows IN ROW EXCLUSIVE MODE;
    RETURN QUERY SELECT erasure.user_id, max(erasure.requested_at) FROM analytics_erasure AS erasure
                 WHERE erasure.user_id = ANY (people) GROUP BY erasure.user_id;
END $$;

-- Marks days that rows were added to: their rollups are behind from the commit on. A day that is marked as a whole needs no
-- second mark, which keeps the table to a few rows a day however many requests come. An erasure's mark, which names a
-- person, is no such mark: it only says that this person's rows went.
--
-- Only for transactions that hold analytics_lock_rows shared since before they wrote a row: a mark they find here stays until
-- they have committed, because a rollup takes marks only while it holds that lock alone. Two at once may both leave one;
-- there is no unique key, on which one of them would wait for the other.
CREATE OR REPLACE FUNCTION analytics_touch_days(days date[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_touched_day (day)
    SELECT touched.day FROM unnest(days) AS touched (day)
    WHERE NOT EXISTS (SELECT FROM analytics_touched_day AS known
                      WHERE known.stage = 'day' AND known.day = touched.day AND known.user_id IS NULL);
END $$;

-- After: marks the days and adds to the tally. `counted` is the day they are counted on and `writer` who counts, so that
-- several can at once; then arrays of outcomes, reasons, senders and numbers of spans.
CREATE OR REPLACE FUNCTION analytics_end_ingest(
    days date[], counted date, writer smallint, outcomes varchar[], reasons varchar[], senders varchar[],
    numbers bigint[]
) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM analytics_touch_days(days);
    INSERT INTO analytics_ingest_tally AS tally (day, slot, outcome, reason, sender, spans)
    SELECT counted, writer, new.* FROM unnest(outcomes, reasons, senders, numbers) AS new
    ON CONFLICT ON CONSTRAINT analytics_ingest_tally_key DO UPDATE SET spans = tally.spans + excluded.spans;
END $$;
"""
VIEWS = r"""
-- What the views for BI share: one row for each day and deployment type (no sum of the two, whose difference would give
-- a small part away), and none that is about fewer people than analytics_view_threshold says. An empty threshold shows
-- nothing. Whoever may read a view need not be able to read what it is made of, and `security_barrier` keeps conditions
-- of theirs from being tried on rows that are left out. No view depends on the time zone of who reads it.
CREATE OR REPLACE VIEW analytics_report_active_people WITH (security_barrier) AS
SELECT day, deployment_type, people AS active_people,
       CASE WHEN analytics_is_told(people_signed_in, (SELECT smallest_group FROM analytics_view_threshold))
            THEN people_signed_in END AS people_signed_in
FROM analytics_daily_activity
WHERE deployment_type <> 'all'
  AND people > 0 AND analytics_is_told(people, (SELECT smallest_group FROM analytics_view_threshold));
COMMENT ON VIEW analytics_report_active_people IS
    'Daily active people: those of whom there is any event, by UTC day and deployment type.';
COMMENT ON COLUMN analytics_report_active_people.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_active_people.deployment_type IS 'cloud or self_hosted.';
COMMENT ON COLUMN analytics_report_active_people.active_people IS 'Distinct people of whom there is any event.';
COMMENT ON COLUMN analytics_report_active_people.people_signed_in IS
    'Those of them who signed in; null where they are too few.';

CREATE OR REPLACE VIEW analytics_report_sign_ins WITH (security_barrier) AS
SELECT day, deployment_type, sign_ins, people_signed_in AS people
FROM analytics_daily_activity
WHERE deployment_type <> 'all'
  AND people_signed_in > 0 AND analytics_is_told(people_signed_in, (SELECT smallest_group FROM analytics_view_threshold));
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

CREATE OR REPLACE VIEW analytics_report_monthly_people WITH (security_barrier) AS
SELECT active.month, active.deployment_type, active.people AS active_people,
       CASE WHEN analytics_is_told(coalesce(signed_in.people, 0), (SELECT smallest_group FROM analytics_view_threshold))
            THEN coalesce(signed_in.people, 0) END AS people_signed_in
FROM analytics_monthly_people active
LEFT JOIN analytics_monthly_people signed_in
    ON signed_in.month = active.month AND signed_in.deployment_type = active.deployment_type
       AND signed_in.measure = 'sign_in' AND signed_in.name = ''
WHERE active.measure = 'any' AND active.name = '' AND active.deployment_type <> 'all'
  AND active.people > 0 AND analytics_is_told(active.people, (SELECT smallest_group FROM analytics_view_threshold));
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
    SELECT day, deployment_type, feature_name, sum(uses)::bigint AS total_uses
    FROM analytics_daily_feature
    GROUP BY day, deployment_type, feature_name
)
SELECT day, deployment_type, feature_name::varchar AS feature_name, unique_users, total_uses
FROM uses
CROSS JOIN LATERAL (
    SELECT sum(bit_count(bits))::bigint AS unique_users FROM analytics_people_of_day people
    WHERE people.day = uses.day AND people.deployment_type = uses.deployment_type
      AND measure = 'feature' AND name = feature_name
) AS counted
WHERE unique_users > 0 AND analytics_is_told(unique_users, (SELECT smallest_group FROM analytics_view_threshold));
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
SELECT day, deployment_type, endpoint, method, unique_users, requests, errors,
       trim_scale(round(100.0 * errors / requests, 4)) AS error_percent,
       round(duration_ns / requests / 1000000, 4)::float8 AS avg_ms,
       round(analytics_percentile(buckets, counts, 0.5)::numeric, 4)::float8 AS p50_ms,
       round(analytics_percentile(buckets, counts, 0.95)::numeric, 4)::float8 AS p95_ms,
       round(analytics_percentile(buckets, counts, 0.99)::numeric, 4)::float8 AS p99_ms
FROM analytics_daily_endpoint daily
CROSS JOIN LATERAL (
    SELECT sum(bit_count(bits))::bigint AS unique_users FROM analytics_people_of_day people
    WHERE people.day = daily.day AND people.deployment_type = daily.deployment_type
      AND measure = 'endpoint' AND name = method || ' ' || endpoint
) AS counted
WHERE unique_users > 0 AND analytics_is_told(unique_users, (SELECT smallest_group FROM analytics_view_threshold));
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
SELECT first_day, deployment_type, told.people, told.returned,
       trim_scale(round(told.retention_percent, 4)) AS retention_percent,
       day_1, day_2, day_3, day_4, day_5, day_6, day_7
FROM analytics_cohort cohort
CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL analytics_retention(
    cohort.people, cohort.returned, returned_on, (now() AT TIME ZONE 'UTC')::date - first_day - 1, smallest_group) AS told
WHERE deployment_type <> 'all' AND told.people > 0;
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
           sum(people) AS people, sum(returned) AS returned, analytics_sum_of_days(returned_on) AS returned_on
    FROM analytics_cohort
    WHERE deployment_type <> 'all'
    GROUP BY date_trunc('week', first_day::timestamp)::date, deployment_type
)
SELECT first_day, deployment_type, told.people, told.returned,
       trim_scale(round(told.retention_percent, 4)) AS retention_percent,
       day_1, day_2, day_3, day_4, day_5, day_6, day_7
FROM weeks
CROSS JOIN analytics_view_threshold
CROSS JOIN LATERAL analytics_retention(
    weeks.people, weeks.returned, returned_on, (now() AT TIME ZONE 'UTC')::date - first_day - 7, smallest_group) AS told
WHERE told.people > 0;
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
SELECT day, deployment_type, sessions,
       round(length_us / sessions / 1000000, 4)::float8 AS avg_s,
       round((analytics_percentile(buckets, counts, 0.5) / 1e6)::numeric, 4)::float8 AS p50_s,
       round((analytics_percentile(buckets, counts, 0.95) / 1e6)::numeric, 4)::float8 AS p95_s
FROM analytics_daily_sessions JOIN analytics_daily_activity USING (day, deployment_type)
WHERE analytics_is_told(greatest(people_in_sessions, 1), (SELECT smallest_group FROM analytics_view_threshold));
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

-- Counts of spans, not of people. What this site did not send is in no view: it says what those did who do not share.
CREATE OR REPLACE VIEW analytics_report_received WITH (security_barrier) AS
SELECT day,
       sum(spans)::bigint AS received,
       coalesce(sum(spans) FILTER (WHERE outcome = 'stored'), 0)::bigint AS stored,
       coalesce(sum(spans) FILTER (WHERE outcome = 'duplicate'), 0)::bigint AS duplicate,
       coalesce(sum(spans) FILTER (WHERE outcome = 'rejected'), 0)::bigint AS rejected
FROM analytics_ingest_tally
WHERE outcome <> 'part'
GROUP BY day;
COMMENT ON VIEW analytics_report_received IS 'What the processor did with the spans that came in on a UTC day.';
COMMENT ON COLUMN analytics_report_received.day IS 'UTC day on which the spans came in.';
COMMENT ON COLUMN analytics_report_received.received IS 'Spans received: stored, duplicate and rejected together.';
COMMENT ON COLUMN analytics_report_received.stored IS 'Spans stored.';
COMMENT ON COLUMN analytics_report_received.duplicate IS 'Spans that were stored already.';
COMMENT ON COLUMN analytics_report_received.rejected IS 'Spans rejected.';

CREATE OR REPLACE VIEW analytics_report_rejected WITH (security_barrier) AS
SELECT day, reason, sum(spans)::bigint AS spans
FROM analytics_ingest_tally
WHERE outcome = 'rejected'
GROUP BY day, reason;
COMMENT ON VIEW analytics_report_rejected IS 'Why spans were rejected, by UTC day.';
COMMENT ON COLUMN analytics_report_rejected.day IS 'UTC day on which the spans came in.';
COMMENT ON COLUMN analytics_report_rejected.reason IS 'Why they were rejected; docs/ingest.md lists the reasons.';
COMMENT ON COLUMN analytics_report_rejected.spans IS 'Spans rejected for this reason.';

-- reports/freshness.sql for BI: one row. What analytics_first_open_day() says is written out, because a function reads with the
-- rights of whoever reads the view.
CREATE OR REPLACE VIEW analytics_report_freshness WITH (security_barrier) AS
WITH waiting AS (
    SELECT day FROM analytics_touched_day
    WHERE day > coalesce((SELECT max(day) FROM analytics_rolled_up_day WHERE closed), '0001-01-01')
)
SELECT (SELECT max(rolled_up_at) FROM analytics_rolled_up_day) AS computed_at,
       (SELECT max(day) FROM analytics_rolled_up_day) AS latest_day,
       (SELECT count(DISTINCT day) FROM waiting) AS days_waiting,
       (SELECT min(day) FROM waiting) AS oldest_waiting;
COMMENT ON VIEW analytics_report_freshness IS 'One row: until when the other views know what was stored.';
COMMENT ON COLUMN analytics_report_freshness.computed_at IS 'When the latest day was computed; null: never.';
COMMENT ON COLUMN analytics_report_freshness.latest_day IS 'The latest UTC day that was computed.';
COMMENT ON COLUMN analytics_report_freshness.days_waiting IS 'Days with rows that the views do not count yet.';
COMMENT ON COLUMN analytics_report_freshness.oldest_waiting IS 'The oldest of these days; null: there is none.';

-- A date dimension: join it to a view to have days without any row as well.
CREATE OR REPLACE VIEW analytics_report_calendar AS
SELECT day::date AS day, date_trunc('week', day)::date AS week, to_char(day, 'IYYY-"W"IW') AS week_name,
       date_trunc('month', day)::date AS month, to_char(day, 'YYYY-MM') AS month_name,
       date_trunc('quarter', day)::date AS quarter, extract(year FROM day)::integer AS year,
       extract(isodow FROM day)::integer AS weekday, extract(isodow FROM day) > 5 AS is_weekend
FROM generate_series(
    (SELECT coalesce(min(day), (now() AT TIME ZONE 'UTC')::date) FROM analytics_rolled_up_day)::timestamp,
    (now() AT TIME ZONE 'UTC')::date::timestamp, '1 day') AS days (day);
COMMENT ON VIEW analytics_report_calendar IS 'Every UTC day from the first one that was counted to today.';
COMMENT ON COLUMN analytics_report_calendar.day IS 'UTC day.';
COMMENT ON COLUMN analytics_report_calendar.week IS 'Monday of the ISO week.';
COMMENT ON COLUMN analytics_report_calendar.week_name IS 'ISO week, such as 2026-W09.';
COMMENT ON COLUMN analytics_report_calendar.month IS 'First day of the month.';
COMMENT ON COLUMN analytics_report_calendar.month_name IS 'Month, such as 2026-03.';
COMMENT ON COLUMN analytics_report_calendar.quarter IS 'First day of the quarter.';
COMMENT ON COLUMN analytics_report_calendar.year IS 'Year.';
COMMENT ON COLUMN analytics_report_calendar.weekday IS '1 (Monday) to 7 (Sunday).';
COMMENT ON COLUMN analytics_report_calendar.is_weekend IS 'Saturday or Sunday.';
"""
SCHEMA_FOR_BI = r"""
-- The schema that BI tools see: the views analytics_report_NAME as analytics_bi.NAME, with their comments, and nothing else.
-- Run again after a view has changed. A role that may not make schemas, or does not own this one, leaves it as it is;
-- grant_reporting_access then says so.
DO $$
DECLARE
    own regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = 'analytics_user_activity'::regclass);
    report record;
    part record;
BEGIN
    IF to_regnamespace('analytics_bi') IS NULL THEN
        IF NOT has_database_privilege(current_database(), 'CREATE') THEN
            RETURN;
        END IF;
        CREATE SCHEMA analytics_bi;
        COMMENT ON SCHEMA analytics_bi IS 'Reports for BI tools: aggregates of people who share their usage, never rows.';
    ELSIF NOT (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'analytics_bi') THEN
        RETURN;
    END IF;
    FOR report IN SELECT oid, relname, substr(relname, 18) AS name FROM pg_class
                  WHERE relnamespace = own AND relkind = 'v' AND relname LIKE 'analytics\_report\_%'
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW analytics_bi.%I WITH (security_barrier) AS SELECT * FROM %s',
                       report.name, report.oid::regclass);
        EXECUTE format('COMMENT ON VIEW analytics_bi.%I IS %L', report.name, obj_description(report.oid, 'pg_class'));
        FOR part IN SELECT attname, col_description(report.oid, attnum) AS comment FROM pg_attribute
                    WHERE attrelid = report.oid AND attnum > 0 AND NOT attisdropped
        LOOP
            EXECUTE format('COMMENT ON COLUMN analytics_bi.%I.%I IS %L', report.name, part.attname, part.comment);
        END LOOP;
    END LOOP;
END $$;
"""
DROP_TABLES = """
DROP TABLE analytics_user_activity, analytics_endpoint_usage, analytics_feature_usage;
"""
DROP_LOCKS = """
DROP TABLE analytics_lock_keep, analytics_lock_rollup, analytics_lock_rows;
"""
DROP_FUNCTIONS = """
DROP TRIGGER analytics_user_activity_erased ON analytics_user_activity;
DROP TRIGGER analytics_endpoint_usage_erased ON analytics_endpoint_usage;
DROP TRIGGER analytics_feature_usage_erased ON analytics_feature_usage;
DROP AGGREGATE analytics_sum_of_days(integer[]);
DROP FUNCTION
    analytics_make_month,
    analytics_bucket,
    analytics_bucket_value,
    analytics_is_error,
    analytics_between,
    analytics_first_open_day,
    analytics_shown_from,
    analytics_touch_erased_days,
    analytics_is_told,
    analytics_retention,
    analytics_add_days,
    analytics_days,
    analytics_erase_person,
    analytics_people_by_name,
    analytics_percentile,
    analytics_begin_ingest,
    analytics_touch_days,
    analytics_end_ingest;
"""
DROP_VIEWS = """
DROP SCHEMA IF EXISTS analytics_bi CASCADE;
DROP VIEW
    analytics_report_active_people,
    analytics_report_sign_ins,
    analytics_report_weekly_people,
    analytics_report_monthly_people,
    analytics_report_feature_adoption,
    analytics_report_endpoint_performance,
    analytics_report_retention,
    analytics_report_weekly_retention,
    analytics_report_sessions,
    analytics_report_received,
    analytics_report_rejected,
    analytics_report_freshness,
    analytics_report_calendar;
"""


class Migration(labels.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL(
            TABLES,
            DROP_TABLES,
            state_operations=[
                migrations.CreateModel(
                    name="EndpointUsage",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ("user_id", models.UUIDField(help_text="Pseudonym of the person.")),
                        (
                            "organization_id",
                            models.UUIDField(help_text="Pseudonym of the organization, if any.", null=True),
                        ),
                        ("timestamp", models.DateTimeField(help_text="Time of the event, UTC.")),
                        (
                            "deployment_type",
                            models.CharField(
                                choices=[("cloud", "Cloud"), ("self_hosted", "Self-hosted")], max_length=16
                            ),
                        ),
                        ("metadata", models.JSONField(default=dict, help_text="Only what the catalogue declares.")),
                        ("endpoint", models.CharField(help_text="URL pattern, never the path.", max_length=512)),
                        ("method", models.CharField(max_length=16)),
                        ("status_code", models.IntegerField()),
                        ("duration_ms", models.FloatField(help_text="Milliseconds.")),
                    ],
                    options={
                        "verbose_name_plural": "endpoint usage",
                        "db_table": "analytics_endpoint_usage",
                        "ordering": ["-timestamp", "-id"],
                        "get_latest_by": "timestamp",
                        "abstract": False,
                        "managed": True,
                    },
                ),
                migrations.CreateModel(
                    name="FeatureUsage",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ("user_id", models.UUIDField(help_text="Pseudonym of the person.")),
                        (
                            "organization_id",
                            models.UUIDField(help_text="Pseudonym of the organization, if any.", null=True),
                        ),
                        ("timestamp", models.DateTimeField(help_text="Time of the event, UTC.")),
                        (
                            "deployment_type",
                            models.CharField(
                                choices=[("cloud", "Cloud"), ("self_hosted", "Self-hosted")], max_length=16
                            ),
                        ),
                        ("metadata", models.JSONField(default=dict, help_text="Only what the catalogue declares.")),
                        ("feature_name", models.CharField(max_length=64)),
                        ("action", models.CharField(max_length=64)),
                    ],
                    options={
                        "verbose_name_plural": "feature usage",
                        "db_table": "analytics_feature_usage",
                        "ordering": ["-timestamp", "-id"],
                        "get_latest_by": "timestamp",
                        "abstract": False,
                        "managed": True,
                    },
                ),
                migrations.CreateModel(
                    name="UserActivity",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ("user_id", models.UUIDField(help_text="Pseudonym of the person.")),
                        (
                            "organization_id",
                            models.UUIDField(help_text="Pseudonym of the organization, if any.", null=True),
                        ),
                        ("timestamp", models.DateTimeField(help_text="Time of the event, UTC.")),
                        (
                            "deployment_type",
                            models.CharField(
                                choices=[("cloud", "Cloud"), ("self_hosted", "Self-hosted")], max_length=16
                            ),
                        ),
                        ("metadata", models.JSONField(default=dict, help_text="Only what the catalogue declares.")),
                        ("event_type", models.CharField(help_text="login, logout, session_start, ...", max_length=64)),
                        (
                            "session_id",
                            models.CharField(help_text="Pseudonym of the session.", max_length=64, null=True),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "user activity",
                        "db_table": "analytics_user_activity",
                        "ordering": ["-timestamp", "-id"],
                        "get_latest_by": "timestamp",
                        "abstract": False,
                        "managed": True,
                    },
                ),
            ],
        ),
        migrations.RunSQL(COMMENTS, migrations.RunSQL.noop),
        migrations.RunSQL(LOCKS, DROP_LOCKS),
        migrations.CreateModel(
            name="Cohort",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "first_day", "deployment_type", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("first_day", models.DateField()),
                ("deployment_type", models.CharField(max_length=16)),
                ("people", models.IntegerField()),
                ("returned", models.IntegerField(help_text="People who returned so far; final after the seven days.")),
                (
                    "returned_on",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        db_default=[],
                        help_text="People who returned on each of the seven days, in order; empty if unknown.",
                        size=None,
                    ),
                ),
            ],
            options={
                "db_table": "analytics_cohort",
            },
        ),
        migrations.CreateModel(
            name="DailyActivity",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "deployment_type", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("deployment_type", models.CharField(max_length=16)),
                (
                    "people",
                    models.IntegerField(help_text="People with any row that day: the active people of the reports."),
                ),
                ("people_signed_in", models.IntegerField(help_text="People with a login that day.")),
                (
                    "people_in_sessions",
                    models.IntegerField(db_default=0, help_text="People with a row of a session that day."),
                ),
                (
                    "people_using_features",
                    models.IntegerField(db_default=0, help_text="People who used a feature that day."),
                ),
                ("people_requesting", models.IntegerField(db_default=0, help_text="People with a request that day.")),
                ("sign_ins", models.BigIntegerField(help_text="Number of login events.")),
                ("events", models.BigIntegerField(help_text="Number of rows of user activity.")),
            ],
            options={
                "db_table": "analytics_daily_activity",
            },
        ),
        migrations.CreateModel(
            name="DailyEndpoint",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day",
                        "deployment_type",
                        "endpoint",
                        "method",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("deployment_type", models.CharField(max_length=16)),
                ("endpoint", models.CharField(max_length=512)),
                ("method", models.CharField(max_length=16)),
                ("requests", models.BigIntegerField()),
                ("errors", models.BigIntegerField(help_text="Requests with status 500 or more, or unknown.")),
                (
                    "duration_ns",
                    models.DecimalField(decimal_places=0, help_text="Sum, in whole nanoseconds.", max_digits=38),
                ),
                (
                    "buckets",
                    django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None),
                ),
                ("counts", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
            options={
                "db_table": "analytics_daily_endpoint",
            },
        ),
        migrations.CreateModel(
            name="DailyFeature",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day",
                        "deployment_type",
                        "feature_name",
                        "action",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("deployment_type", models.CharField(max_length=16)),
                ("feature_name", models.CharField(max_length=64)),
                ("action", models.CharField(max_length=64)),
                ("uses", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_daily_feature",
            },
        ),
        migrations.CreateModel(
            name="DailySessions",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "deployment_type", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("deployment_type", models.CharField(max_length=16)),
                ("sessions", models.BigIntegerField()),
                ("length_us", models.DecimalField(decimal_places=0, help_text="Sum, in microseconds.", max_digits=38)),
                (
                    "buckets",
                    django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None),
                ),
                ("counts", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
            options={
                "db_table": "analytics_daily_sessions",
            },
        ),
        migrations.CreateModel(
            name="EarlierPeople",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "deployment_type", "chunk", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("deployment_type", models.CharField(max_length=16)),
                ("chunk", models.IntegerField()),
                ("bits", analytics.models.BitsField()),
            ],
            options={
                "db_table": "analytics_earlier_people",
            },
        ),
        migrations.CreateModel(
            name="MonthlyPeople",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "month",
                        "deployment_type",
                        "measure",
                        "name",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("month", models.DateField()),
                ("deployment_type", models.CharField(max_length=16)),
                ("measure", models.CharField(max_length=16)),
                ("name", models.CharField(max_length=640)),
                ("people", models.IntegerField()),
            ],
            options={
                "db_table": "analytics_monthly_people",
            },
        ),
        migrations.CreateModel(
            name="PeopleOfDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day",
                        "deployment_type",
                        "measure",
                        "name",
                        "chunk",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("deployment_type", models.CharField(max_length=16)),
                ("measure", models.CharField(max_length=16)),
                ("name", models.CharField(max_length=640)),
                ("chunk", models.IntegerField(help_text="A person's number divided by the people of a chunk.")),
                ("bits", analytics.models.BitsField()),
            ],
            options={
                "db_table": "analytics_people_of_day",
            },
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("user_id", models.UUIDField(help_text="Pseudonym of the person.", unique=True)),
            ],
            options={
                "db_table": "analytics_person",
            },
        ),
        migrations.CreateModel(
            name="RolledUpDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("rolled_up_at", models.DateTimeField()),
                ("closed", models.BooleanField(db_default=False, default=False)),
                (
                    "cohort_closed",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Its cohort is final, even where the day was opened again.",
                    ),
                ),
            ],
            options={
                "db_table": "analytics_rolled_up_day",
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("user_id", models.UUIDField(help_text="Pseudonym of the person.")),
                ("requested_at", models.DateTimeField()),
                ("completed_at", models.DateTimeField(null=True)),
                ("rows_deleted", models.JSONField(default=dict, help_text="Number of rows by table.")),
                (
                    "days_recomputed",
                    models.IntegerField(
                        db_default=0,
                        default=0,
                        help_text="Number of days whose rollups were recomputed without the person.",
                    ),
                ),
                (
                    "recomputed_at",
                    models.DateTimeField(help_text="When the last of those days was recomputed.", null=True),
                ),
            ],
            options={
                "db_table": "analytics_erasure",
                "ordering": ["-requested_at"],
                "indexes": [models.Index(fields=["user_id", "-requested_at"], name="analytics_erasure_of_user")],
            },
        ),
        migrations.CreateModel(
            name="ExportTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(help_text="UTC day.")),
                ("outcome", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=64)),
                ("spans", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "sent count",
                "verbose_name_plural": "sent counts",
                "db_table": "analytics_export_tally",
                "constraints": [
                    models.UniqueConstraint(fields=("day", "outcome", "reason"), name="analytics_export_tally_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="IngestTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(help_text="UTC day on which the spans were received.")),
                ("slot", models.SmallIntegerField(help_text="Number of the writer, of several in parallel.")),
                ("outcome", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=64)),
                (
                    "sender",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Service name of the sender, for spans not stored as sent.",
                        max_length=64,
                    ),
                ),
                ("spans", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "received count",
                "verbose_name_plural": "received counts",
                "db_table": "analytics_ingest_tally",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "slot", "outcome", "reason", "sender"), name="analytics_ingest_tally_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Keeping",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("kept_at", models.DateTimeField(help_text="When keep_telemetry last finished.", null=True)),
                (
                    "shown_from",
                    models.DateTimeField(help_text="Older rows are hidden until they are purged.", null=True),
                ),
                ("dropped_before", models.DateTimeField(help_text="Older months have been dropped.", null=True)),
            ],
            options={
                "db_table": "analytics_keeping",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="analytics_keeping_single")],
            },
        ),
        migrations.CreateModel(
            name="TouchedDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(help_text="UTC day of the rows.")),
                ("stage", models.CharField(db_default="day", default="day", max_length=8)),
                (
                    "user_id",
                    models.UUIDField(help_text="Pseudonym of the person, if rows were erased.", null=True),
                ),
            ],
            options={
                "db_table": "analytics_touched_day",
                "indexes": [models.Index(fields=["stage", "day"], name="analytics_touched_day_of_stage")],
            },
        ),
        migrations.CreateModel(
            name="ViewThreshold",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                (
                    "smallest_group",
                    models.PositiveIntegerField(help_text="TELEMETRY_SMALLEST_GROUP_BI at the last update."),
                ),
            ],
            options={
                "db_table": "analytics_view_threshold",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1), ("smallest_group__gte", 1)),
                        name="analytics_view_threshold_single",
                    )
                ],
            },
        ),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(VIEWS, DROP_VIEWS),
        migrations.RunSQL(SCHEMA_FOR_BI, migrations.RunSQL.noop),
    ]
