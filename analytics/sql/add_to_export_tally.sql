-- Adds counts to analytics_export_tally. Parameters: arrays of day, outcome, reason and count, in one order.
INSERT INTO analytics_export_tally AS tally (day, outcome, reason, spans)
SELECT * FROM unnest(%s::date[], %s::varchar[], %s::varchar[], %s::bigint[])
ON CONFLICT (day, outcome, reason) DO UPDATE SET spans = tally.spans + excluded.spans
