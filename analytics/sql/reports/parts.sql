-- What stored spans were stored without, and whose.
SELECT reason AS part, sender, sum(spans)::bigint AS parts
FROM analytics_ingest_tally
WHERE outcome = 'part'
  AND day >= %(first)s AND day < %(after)s
GROUP BY part, sender
ORDER BY parts DESC, part, sender
