-- A line for each of `steps`, in order: how many people did it after the steps before it, all within `within` of a first
-- step, and their share of those of the first step and of the step before, both of the numbers shown. A step is later than
-- the one before it. Steps are named as in the catalogue: user_activity.login, feature_usage.test_run (any action),
-- feature_usage.test_run.created; the action of a page view is its page. From the raw rows, because a window of hours cannot
-- be had from days. Null where raw rows of the range have gone, its length is not one that people are counted over, they are
-- too few or those of a step before are: here nobody is too few, too, or adding a step would show whether one person did it.
-- Parameters: first, start, until, part, steps, within, counted, smallest.
WITH RECURSIVE steps AS (
    SELECT place::integer, step, split_part(step, '.', 1) AS category, split_part(step, '.', 2) AS name,
           substr(step, length(split_part(step, '.', 1) || split_part(step, '.', 2)) + 3) AS action
    FROM unnest(%(steps)s::varchar[]) WITH ORDINALITY AS each (step, place)
), rows_of_steps AS (
    SELECT user_id, "timestamp", place
    FROM analytics_user_activity JOIN steps ON category = 'user_activity' AND name = event_type
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(until)s AND %(part)s IN ('all', deployment_type)
      AND event_type = ANY (ARRAY(SELECT name FROM steps WHERE category = 'user_activity'))
    UNION ALL
    SELECT user_id, "timestamp", place
    FROM analytics_feature_usage usage JOIN steps ON category = 'feature_usage' AND name = feature_name AND steps.action IN
        ('', coalesce(CASE WHEN feature_name = 'page_view' THEN left(metadata->>'route', 64) END, usage.action))
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(until)s AND %(part)s IN ('all', deployment_type)
      AND feature_name = ANY (ARRAY(SELECT name FROM steps WHERE category = 'feature_usage'))
), done (level, number, at, place, began) AS (
    -- `began`: the latest first step that leads to this one. Rows that no such first step leads to are left behind.
    SELECT 1, number, "timestamp", place, CASE WHEN place = 1 THEN "timestamp" END
    FROM rows_of_steps JOIN analytics_person USING (user_id)
    UNION ALL
    SELECT level + 1, number, at, place, CASE WHEN place = level + 1 THEN latest END
    FROM (
        SELECT *, max(began) OVER (PARTITION BY number ORDER BY at GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
        FROM done
    ) AS before
    WHERE place > level AND at <= latest + %(within)s
), furthest AS (
    SELECT number, max(level) AS level FROM done WHERE place = level GROUP BY number
), members AS (
    SELECT level, number / 8192 AS chunk, bit_or(set_bit(repeat('0', 8192)::bit(8192), (number %% 8192)::integer, 1)) AS bits
    FROM furthest GROUP BY level, number / 8192
), chunks AS (
    SELECT place, chunk, bit_or(bits) AS bits FROM steps JOIN members ON level >= place GROUP BY place, chunk
), counted AS (
    SELECT place, sum(bit_count(bits))::bigint AS people,
           analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk::integer, bits))) AS noise
    FROM chunks GROUP BY place
), shown AS (
    SELECT place, step,
           CASE WHEN %(counted)s AND %(first)s >= analytics_first_open_day() AND (people > 0 OR %(smallest)s = 1)
                THEN analytics_shown_people(coalesce(people, 0), noise, %(smallest)s) END AS people
    FROM steps LEFT JOIN counted USING (place)
), in_order AS (
    SELECT place, step, CASE WHEN bool_and(people IS NOT NULL) OVER up_to THEN min(people) OVER up_to END AS people
    FROM shown WINDOW up_to AS (ORDER BY place)
)
SELECT place::text, step, people, 100.0 * people / nullif(first_value(people) OVER up_to, 0) AS of_first_percent,
       100.0 * people / nullif(lag(people) OVER up_to, 0) AS of_previous_percent
FROM in_order WINDOW up_to AS (ORDER BY place)
ORDER BY in_order.place
