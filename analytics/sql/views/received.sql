-- Counts of spans, not of people. What this site did not send is in no view: it says what those did who do not share.
CREATE OR REPLACE VIEW analytics_report_received WITH (security_barrier) AS
SELECT day,
       sum(spans)::bigint AS received,
       coalesce(sum(spans) FILTER (WHERE outcome = 'stored'), 0)::bigint AS stored,
       coalesce(sum(spans) FILTER (WHERE outcome = 'duplicate'), 0)::bigint AS duplicate,
       coalesce(sum(spans) FILTER (WHERE outcome = 'rejected'), 0)::bigint AS rejected
FROM analytics_ingest_tally
WHERE outcome <> 'part'
GROUP BY day;
COMMENT ON VIEW analytics_report_received IS 'What the processor did with the spans that came in on a UTC day.';
COMMENT ON COLUMN analytics_report_received.day IS 'UTC day on which the spans came in.';
COMMENT ON COLUMN analytics_report_received.received IS 'Spans received: stored, duplicate and rejected together.';
COMMENT ON COLUMN analytics_report_received.stored IS 'Spans stored.';
COMMENT ON COLUMN analytics_report_received.duplicate IS 'Spans that were stored already.';
COMMENT ON COLUMN analytics_report_received.rejected IS 'Spans rejected.';
