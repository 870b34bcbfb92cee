-- Adds counts to analytics_ingest_tally. Parameters: day, slot of the writer, arrays of outcome, reason and count.
INSERT INTO analytics_ingest_tally AS tally (day, slot, outcome, reason, spans)
SELECT %s::date, %s::smallint, new.* FROM unnest(%s::varchar[], %s::varchar[], %s::bigint[]) AS new
ON CONFLICT (day, slot, outcome, reason) DO UPDATE SET spans = tally.spans + excluded.spans
