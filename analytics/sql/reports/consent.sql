-- People asked for consent and their choices, by UTC day; null on days that were not counted. Parameters: first, after (days),
-- smallest.
SELECT days.day, analytics_rounded(sum(asked)::bigint, %(smallest)s) AS asked,
       analytics_rounded(sum(yes)::bigint, %(smallest)s) AS yes,
       analytics_rounded(sum(no)::bigint, %(smallest)s) AS no,
       analytics_rounded(sum(undecided)::bigint, %(smallest)s) AS undecided
FROM analytics_days(%(first)s, %(after)s) AS days (day) LEFT JOIN analytics_consent_of_day counted ON counted.day = days.day
GROUP BY days.day
ORDER BY days.day
