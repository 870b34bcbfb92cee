CREATE OR REPLACE VIEW analytics_report_consent WITH (security_barrier) AS
SELECT day, notice_version,
       analytics_rounded(asked, smallest_group) AS asked, analytics_rounded(yes, smallest_group) AS yes,
       analytics_rounded(no, smallest_group) AS no, analytics_rounded(undecided, smallest_group) AS undecided
FROM analytics_consent_of_day CROSS JOIN analytics_view_threshold;
COMMENT ON VIEW analytics_report_consent IS 'People asked for consent and their choices, by UTC day and notice. Rounded down to a multiple of the smallest group; empty where people are fewer.';
COMMENT ON COLUMN analytics_report_consent.day IS 'UTC day; the numbers are of its last count by keep_telemetry.';
COMMENT ON COLUMN analytics_report_consent.notice_version IS 'The newest notice that these people were shown; 0 for none.';
COMMENT ON COLUMN analytics_report_consent.asked IS 'People to whom this notice was shown.';
COMMENT ON COLUMN analytics_report_consent.yes IS 'People whose choice is to share.';
COMMENT ON COLUMN analytics_report_consent.no IS 'People whose choice is not to share.';
COMMENT ON COLUMN analytics_report_consent.undecided IS 'People who were asked and have not chosen.';
