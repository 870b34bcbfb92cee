-- What the processor did with the spans it received, by UTC day: received = stored + duplicate + rejected.
WITH days AS (
    SELECT analytics_days(%(first)s, %(after)s) AS day
)
SELECT days.day,
       coalesce(sum(spans), 0)::bigint AS received,
       coalesce(sum(spans) FILTER (WHERE outcome = 'stored'), 0)::bigint AS stored,
       coalesce(sum(spans) FILTER (WHERE outcome = 'duplicate'), 0)::bigint AS duplicate,
       coalesce(sum(spans) FILTER (WHERE outcome = 'rejected'), 0)::bigint AS rejected
FROM days LEFT JOIN analytics_ingest_tally AS tally ON tally.day = days.day AND outcome <> 'part'
GROUP BY days.day
ORDER BY days.day
