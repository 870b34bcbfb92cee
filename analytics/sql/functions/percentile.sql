-- The value below which `share` of a histogram's values lie, as percentile_cont has it, within 2 percent; see
-- functions/rollups.sql. `buckets` in rising order, `counts` of the same length. A loop, because a view calls this for each
-- of its rows, and to start a query takes longer than to go through an array.
CREATE OR REPLACE FUNCTION analytics_percentile(buckets smallint[], counts bigint[], share double precision)
RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    total bigint := 0;
    up_to bigint := 0;
    rank double precision;
    low smallint;
    number bigint;
    position integer := 0;
BEGIN
    FOREACH number IN ARRAY counts LOOP
        total := total + number;
    END LOOP;
    rank := share * (total - 1);
    FOREACH number IN ARRAY counts LOOP
        position := position + 1;
        up_to := up_to + number;
        IF low IS NULL AND up_to > floor(rank) THEN
            low := buckets[position];
        END IF;
        IF up_to > ceil(rank) THEN
            RETURN analytics_between(low, buckets[position], rank);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
