-- Distinct people over a range of days by name: of features, actions or endpoints (`wanted`, a measure of
-- analytics_people_of_day), in one deployment type or in `all` (`part`).
--
-- People are counted by bits, which are there as long as the raw rows are. For a range that begins before that, their
-- number is not known (null), but `at_least` still says how many they are at the least, from the days that are left and
-- from whole months: enough to tell that a group is not small. `noise` is that of the people who are counted.
CREATE OR REPLACE FUNCTION analytics_people_by_name(wanted varchar, first date, after date, part varchar)
RETURNS TABLE (name varchar, people bigint, at_least bigint, noise double precision)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH chunks AS (
        SELECT of_day.name, chunk, bit_or(bits) AS bits
        FROM analytics_people_of_day of_day
        WHERE day >= first AND day < after AND measure = wanted
          AND part IN ('all', deployment_type)
        GROUP BY of_day.name, chunk
    ), days AS (
        SELECT chunks.name, sum(bit_count(bits))::bigint AS people,
               analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits))) AS noise
        FROM chunks GROUP BY chunks.name
    ), months AS (
        SELECT of_month.name, max(of_month.people)::bigint AS people, max(of_month.noise) AS noise
        FROM analytics_monthly_people of_month
        WHERE month >= first AND month + interval '1 month' <= after AND measure = wanted
          AND deployment_type = part
        GROUP BY of_month.name
    )
    SELECT name, CASE WHEN first >= analytics_first_open_day() THEN days.people END,
           greatest(days.people, months.people), coalesce(days.noise, months.noise)
    FROM days FULL JOIN months USING (name);
END;
