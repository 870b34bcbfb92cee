-- What the site did with the spans it was given, by UTC day: recorded = sent + withheld + dropped + failed; events that
-- never became a span are `invalid`.
WITH days AS (
    SELECT analytics_days(%(first)s, %(after)s) AS day
)
SELECT day,
       coalesce(sum(spans) FILTER (WHERE outcome <> 'invalid'), 0)::bigint AS recorded,
       coalesce(sum(spans) FILTER (WHERE outcome = 'sent'), 0)::bigint AS sent,
       coalesce(sum(spans) FILTER (WHERE outcome = 'withheld'), 0)::bigint AS withheld,
       coalesce(sum(spans) FILTER (WHERE outcome = 'dropped'), 0)::bigint AS dropped,
       coalesce(sum(spans) FILTER (WHERE outcome = 'failed'), 0)::bigint AS failed,
       coalesce(sum(spans) FILTER (WHERE outcome = 'invalid'), 0)::bigint AS invalid
FROM days LEFT JOIN analytics_export_tally USING (day)
GROUP BY day
ORDER BY day
