CREATE OR REPLACE VIEW analytics_report_rejected WITH (security_barrier) AS
SELECT day, reason, sum(spans)::bigint AS spans
FROM analytics_ingest_tally
WHERE outcome = 'rejected'
GROUP BY day, reason;
COMMENT ON VIEW analytics_report_rejected IS 'Why spans were rejected, by UTC day.';
