-- Why spans were not sent: withheld, dropped, failed and invalid, by reason.
SELECT outcome, reason, sum(spans)::bigint AS spans
FROM analytics_export_tally
WHERE outcome <> 'sent'
  AND day >= %(first)s AND day < %(after)s
GROUP BY outcome, reason
ORDER BY spans DESC, outcome, reason
