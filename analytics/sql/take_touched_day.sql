-- Takes a day's marks and leaves one for what people of several days enter. The pseudonyms erased from it are answered.
-- Taken before anything is computed: rows that come meanwhile bring a mark of their own, for the next time.
-- Parameter: day.
WITH taken AS (
    DELETE FROM analytics_touched_day WHERE stage = 'day' AND day = %(day)s RETURNING user_id
), owed AS (
    INSERT INTO analytics_touched_day (day, stage) VALUES (%(day)s, 'people')
)
SELECT DISTINCT user_id FROM taken WHERE user_id IS NOT NULL
