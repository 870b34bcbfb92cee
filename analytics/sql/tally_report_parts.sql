-- What stored spans were stored without, and whose. Parameters: start, end (exclusive).
SELECT reason AS part, sender, sum(spans)::bigint AS parts
FROM analytics_ingest_tally
WHERE outcome = 'part'
  AND day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
GROUP BY part, sender
ORDER BY parts DESC, part, sender
