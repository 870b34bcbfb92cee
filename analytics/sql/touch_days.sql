-- Marks days that rows were added to: their rollups are behind from the commit on. A day that has a mark needs no second
-- one, which keeps the table to a few rows a day however many requests come. Parameter: days (array).
--
-- Only for transactions that hold 'analytics_rows' shared (see erase_person.sql) since before they wrote a row: a mark they
-- find here stays until they have committed, because a rollup takes marks only while it holds that lock alone. Two at
-- once may both leave one; there is no unique key, on which one of them would wait for the other.
INSERT INTO analytics_touched_day (day)
SELECT touched.day FROM unnest(%(days)s::date[]) AS touched (day)
WHERE NOT EXISTS (SELECT FROM analytics_touched_day known WHERE known.stage = 'day' AND known.day = touched.day)
