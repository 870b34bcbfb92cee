-- People whose rows were erased are new when they come back. Parameter: their pseudonyms (array).
UPDATE analytics_earlier_people earlier
SET bits = earlier.bits & ~(SELECT bit_or(set_bit(repeat('0', 8192)::bit(8192), (number %% 8192)::integer, 1))
                            FROM analytics_person
                            WHERE user_id = ANY(%(people)s) AND number / 8192 = earlier.chunk)
WHERE EXISTS (SELECT FROM analytics_person WHERE user_id = ANY(%(people)s) AND number / 8192 = earlier.chunk)
