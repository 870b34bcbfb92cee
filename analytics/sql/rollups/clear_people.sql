-- Takes the bits of some people from a day on which no row of theirs is left; what roll_up_people would come to, without
-- reading everybody else's rows. Parameters: day, people (array of pseudonyms).
WITH others AS (
    SELECT (number / 8192)::integer AS chunk, ~bit_or(set_bit(0::bit(8192), (number %% 8192)::integer, 1)) AS bits
    FROM analytics_person WHERE user_id = ANY(%(people)s)
    GROUP BY 1
), nobody_left AS (
    DELETE FROM analytics_people_of_day of_day USING others
    WHERE of_day.day = %(day)s AND of_day.chunk = others.chunk AND bit_count(of_day.bits & others.bits) = 0
)
UPDATE analytics_people_of_day of_day SET bits = of_day.bits & others.bits FROM others
WHERE of_day.day = %(day)s AND of_day.chunk = others.chunk AND bit_count(of_day.bits & others.bits) > 0
  AND of_day.bits & others.bits <> of_day.bits
