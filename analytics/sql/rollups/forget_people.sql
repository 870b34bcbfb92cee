-- Forgets the number of everybody who is in no day any more, and clears the bits that say they came earlier: the last
-- thing that led from a rollup to a pseudonym.
WITH present AS (
    SELECT chunk, bit_or(bits) AS bits FROM analytics_people_of_day WHERE measure = 'any' GROUP BY chunk
), forgotten AS (
    DELETE FROM analytics_person person
    WHERE NOT EXISTS (SELECT FROM present WHERE present.chunk = person.number / 8192
                      AND get_bit(present.bits, (person.number % 8192)::integer) = 1)
)
UPDATE analytics_earlier_people earlier SET bits = earlier.bits & still.bits
FROM (SELECT deployment_type, chunk, coalesce(present.bits, repeat('0', 8192)::bit(8192)) AS bits
      FROM analytics_earlier_people LEFT JOIN present USING (chunk)) still
WHERE earlier.deployment_type = still.deployment_type AND earlier.chunk = still.chunk
  AND earlier.bits & still.bits <> earlier.bits
