-- Why spans were rejected, and whose.
SELECT reason, sender, sum(spans)::bigint AS spans
FROM analytics_ingest_tally
WHERE outcome = 'rejected'
  AND day >= %(first)s AND day < %(after)s
GROUP BY reason, sender
ORDER BY spans DESC, reason, sender
