-- Takes the marks of some days, so that they may be computed: rows that come from now on bring marks of their own. Only
-- while holding analytics_lock_rows alone; ingest_functions.sql says why. Parameter: days (array).
UPDATE analytics_touched_day SET stage = 'taken' WHERE stage = 'day' AND day = ANY(%(days)s)
