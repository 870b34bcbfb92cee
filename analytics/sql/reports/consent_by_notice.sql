-- People by the newest notice they were shown, and their choices, on the last counted day of the range. Parameters: first,
-- after (days), smallest.
SELECT CASE notice_version WHEN 0 THEN 'none' ELSE notice_version::text END AS notice,
       analytics_rounded(asked, %(smallest)s) AS asked, analytics_rounded(yes, %(smallest)s) AS yes,
       analytics_rounded(no, %(smallest)s) AS no, analytics_rounded(undecided, %(smallest)s) AS undecided
FROM analytics_consent_of_day
WHERE day = (SELECT max(day) FROM analytics_consent_of_day WHERE day >= %(first)s AND day < %(after)s)
ORDER BY notice_version
