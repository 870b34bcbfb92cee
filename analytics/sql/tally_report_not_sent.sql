-- Why spans were not sent: withheld, dropped, failed and invalid, by reason. Parameters: start, end (exclusive).
SELECT outcome, reason, sum(spans)::bigint AS spans
FROM analytics_export_tally
WHERE outcome <> 'sent'
  AND day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date AND day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
GROUP BY outcome, reason
ORDER BY spans DESC, outcome, reason
