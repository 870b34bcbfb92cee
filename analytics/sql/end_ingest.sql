-- After a request's rows are written and their days marked: adds to the tally, and commits. Parameters: today, slot of the
-- writer, and arrays of outcomes, reasons and numbers of spans.
INSERT INTO analytics_ingest_tally AS tally (day, slot, outcome, reason, spans)
SELECT %(today)s::date, %(slot)s::smallint, new.*
FROM unnest(%(outcomes)s::varchar[], %(reasons)s::varchar[], %(spans)s::bigint[]) AS new
ON CONFLICT (day, slot, outcome, reason) DO UPDATE SET spans = tally.spans + excluded.spans;
COMMIT
