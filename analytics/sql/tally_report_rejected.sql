-- Why spans were rejected. Parameters: start, end (exclusive).
SELECT reason, sum(spans)::bigint AS spans
FROM analytics_ingest_tally
WHERE outcome = 'rejected'
  AND day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
GROUP BY reason
ORDER BY spans DESC, reason
