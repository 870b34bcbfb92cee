-- A line for each week (from Monday), month or day (`period`, UTC) of the overview's range, whose periods are whole. What
-- people did is the sum of the overview's days, as its figures are; rates are of these sums. People are distinct: those of a
-- week by their bits, those of a month as they are stored for good, as for a range of these days. A week that began before
-- the days whose raw rows are kept is null. Parameters: the overview's, and period.
WITH daily AS (
-- include: reports/overview
), periods AS (
    SELECT date_trunc(%(period)s, day::timestamp)::date AS period, max(active_people) AS active_of_day,
           max(people_signed_in) AS signed_in_of_day, max(p95_ms) AS p95_of_day,
           sum(feature_uses)::bigint AS feature_uses, sum(sign_ins)::bigint AS sign_ins,
           sum(new_people)::bigint AS new_people, sum(returned)::bigint AS returned,
           100.0 * sum(returned) FILTER (WHERE new_people IS NOT NULL)
               / nullif(sum(new_people) FILTER (WHERE returned IS NOT NULL), 0) AS retention_percent,
           sum(requests)::bigint AS requests, sum(errors)::bigint AS errors,
           100.0 * sum(errors) / nullif(sum(requests), 0) AS error_percent,
           sum(avg_ms * requests) / nullif(sum(requests) FILTER (WHERE avg_ms IS NOT NULL), 0) AS avg_ms,
           sum(sessions)::bigint AS sessions,
           sum(avg_session_s * sessions) / nullif(sum(sessions) FILTER (WHERE avg_session_s IS NOT NULL), 0) AS avg_session_s
    FROM daily GROUP BY 1
), histogram AS (
    SELECT date_trunc(%(period)s, day::timestamp)::date AS period, bucket, sum(requests_of_bucket)::bigint AS requests
    FROM analytics_daily_activity CROSS JOIN LATERAL unnest(buckets, counts) AS of_day (bucket, requests_of_bucket)
    WHERE day >= %(first)s AND day < %(after)s AND deployment_type = %(part)s
    GROUP BY 1, 2
), times AS (
    SELECT period, analytics_percentile(array_agg(bucket ORDER BY bucket), array_agg(requests ORDER BY bucket), 0.95) AS p95_ms
    FROM histogram GROUP BY period
), chunks AS (
    SELECT date_trunc('week', day::timestamp)::date AS period, measure, chunk, bit_or(bits) AS bits
    FROM analytics_people_of_day
    WHERE %(period)s = 'week' AND day >= %(first)s AND day < %(after)s
      AND measure IN ('any', 'sign_in') AND %(part)s IN ('all', deployment_type)
    GROUP BY 1, measure, chunk
), people AS (
    SELECT period, measure, sum(bit_count(bits))::bigint AS people,
           analytics_noise(bit_xor(analytics_chunk_key((SELECT key FROM analytics_noise_key), chunk, bits))) AS noise
    FROM chunks GROUP BY period, measure
    UNION ALL
    SELECT month, measure, people, noise
    FROM analytics_monthly_people
    WHERE %(period)s = 'month' AND month >= %(first)s AND month < %(after)s
      AND measure IN ('any', 'sign_in') AND deployment_type = %(part)s
)
SELECT periods.period,
       CASE WHEN %(period)s = 'day' THEN active_of_day
            WHEN known THEN analytics_shown_people(coalesce(active.people, 0), active.noise, %(smallest)s) END AS active_people,
       feature_uses, retention_percent, error_percent,
       CASE WHEN p95_of_day IS NOT NULL THEN times.p95_ms END AS p95_ms,
       CASE WHEN %(period)s = 'day' THEN signed_in_of_day
            WHEN known THEN analytics_shown_people(coalesce(signed_in.people, 0), signed_in.noise, %(smallest)s)
            END AS people_signed_in,
       sign_ins, new_people, returned, requests, errors, avg_ms, sessions, avg_session_s
FROM periods
LEFT JOIN times USING (period)
LEFT JOIN people active ON active.period = periods.period AND active.measure = 'any'
LEFT JOIN people signed_in ON signed_in.period = periods.period AND signed_in.measure = 'sign_in'
CROSS JOIN LATERAL (SELECT %(period)s = 'month' OR periods.period >= analytics_first_open_day() AS known) AS rows_are_kept
ORDER BY periods.period
