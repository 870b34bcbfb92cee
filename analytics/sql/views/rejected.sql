CREATE OR REPLACE VIEW analytics_report_rejected WITH (security_barrier) AS
SELECT day, reason, sum(spans)::bigint AS spans
FROM analytics_ingest_tally
WHERE outcome = 'rejected'
GROUP BY day, reason;
COMMENT ON VIEW analytics_report_rejected IS 'Why spans were rejected, by UTC day.';
COMMENT ON COLUMN analytics_report_rejected.day IS 'UTC day on which the spans came in.';
COMMENT ON COLUMN analytics_report_rejected.reason IS 'Why they were rejected; docs/ingest.md lists the reasons.';
COMMENT ON COLUMN analytics_report_rejected.spans IS 'Spans rejected for this reason.';
