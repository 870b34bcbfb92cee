-- What the processor does before and after a request's rows, as functions: their statements are planned once for each
-- connection, not once for each request.

-- Before: the people among those given who were erased, and until when. The lock is held until the commit;
-- erase_person.sql says why. Each statement sees what was committed when it began, so the second one sees what the lock
-- was waiting for.
CREATE OR REPLACE FUNCTION analytics_begin_ingest(people uuid[])
RETURNS TABLE (user_id uuid, requested_at timestamp with time zone) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    LOCK TABLE analytics_lock_rows IN ROW EXCLUSIVE MODE;
    RETURN QUERY SELECT erased.user_id, erased.until FROM analytics_tombstone AS erased
                 WHERE erased.user_id = ANY (people);
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
