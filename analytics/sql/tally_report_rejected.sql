-- Why spans were rejected, and whose. Parameters: start, end (exclusive).
SELECT reason, sender, sum(spans)::bigint AS spans
FROM analytics_ingest_tally
WHERE outcome = 'rejected'
  AND day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
GROUP BY reason, sender
ORDER BY spans DESC, reason, sender
