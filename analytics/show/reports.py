"""Declarations of all reports: query, columns and charts of each."""

from dataclasses import replace

from analytics.show.report import Column, Drawing, Form, Report

DAY = Column("day", "Day", "day")
CLOUD = Column("cloud", "Cloud", "count")
SELF_HOSTED = Column("self_hosted", "Self-hosted", "count")
ACTIVE_PEOPLE = Column("active_people", "Active people", "count")
RETURNS = (
    Column("people", "New people", "count"),
    Column("returned", "Came back", "count"),
    Column("retention_percent", "Retention", "percent"),
    *(Column(f"day_{day}", f"Day {day}", "count") for day in range(1, 8)),
)

# After which people are counted who still use a feature.
WEEKS_LATER = (1, 4, 12)
CHOICES = (
    Column("asked", "Asked", "count"),
    Column("yes", "Yes", "count"),
    Column("no", "No", "count"),
    Column("undecided", "Undecided", "count"),
)

OVERVIEW = Report(
    name="overview",
    title="Day by day",
    description="Main numbers of each UTC day. The other pages have the details.",
    columns=(
        DAY,
        ACTIVE_PEOPLE,
        Column("feature_uses", "Feature uses", "count"),
        Column("retention_percent", "7-day retention", "percent"),
        Column("error_percent", "Error rate", "percent"),
        Column("p95_ms", "p95 response", "ms"),
        Column("people_signed_in", "Signed in", "count"),
        Column("sign_ins", "Sign-ins", "count"),
        Column("new_people", "New people", "count"),
        Column("returned", "Came back", "count"),
        Column("requests", "Requests", "count"),
        Column("errors", "Errors", "count"),
        Column("avg_ms", "Average request", "ms"),
        Column("sessions", "Sessions", "count"),
        Column("avg_session_s", "Average session", "seconds"),
    ),
    drawings=(
        Drawing("Active people by day", Form.LINE, ("day",), "active_people", "people"),
        Drawing("Feature uses by day", Form.LINE, ("day",), "feature_uses", "uses"),
        Drawing("7-day retention by first day", Form.LINE, ("day",), "retention_percent", "percent"),
        Drawing("Error rate by day", Form.LINE, ("day",), "error_percent", "percent"),
        Drawing("p95 response by day", Form.LINE, ("day",), "p95_ms", "milliseconds"),
    ),
    compared=True,
)
OVERVIEW_PERIODS = replace(
    OVERVIEW,
    name="overview_periods",
    title="Over time",
    description="Main numbers of each week (from Monday, UTC) or month, whole also where the range has only some of "
    "its days. People are distinct people of the week or month; a week's are unknown once its raw rows are purged.",
    columns=(Column("period", "From", "day"), *OVERVIEW.columns[1:]),
    drawings=tuple(
        replace(drawing, title=title, labels=("period",))
        for drawing, title in zip(
            OVERVIEW.drawings,
            (
                "Active people by {period}",
                "Feature uses by {period}",
                "7-day retention by {period} of the first day",
                "Error rate by {period}",
                "p95 response by {period}",
            ),
            strict=True,
        )
    ),
    compared=False,
    by_period=True,
)
RESPONSE_TIME = Report(
    name="response_time",
    title="Response time in the range",
    description="95th percentile of the duration of all requests, within 2 percent.",
    columns=(Column("p95_ms", "p95 response", "ms"),),
    compared=True,
)
PEOPLE_OF_RANGE = Report(
    name="people_of_range",
    title="People in the range",
    description="Distinct people active on any day of the range, and how many of them signed in.",
    columns=(Column("people", "Active people", "count"), Column("people_signed_in", "Signed in", "count")),
    compared=True,
)
DAILY_PEOPLE = Report(
    name="active_people",
    title="Daily active people",
    description="Distinct people with at least one event, by UTC day.",
    columns=(DAY, CLOUD, SELF_HOSTED, ACTIVE_PEOPLE),
    drawings=(Drawing("Daily active people", Form.COLUMNS, ("day",), "active_people", "people"),),
    compared=True,
)
WEEKLY_PEOPLE = Report(
    name="weekly_people",
    title="Weekly active people",
    description="Distinct people with at least one event, by ISO week (from Monday, UTC). Weeks are shown whole, also "
    "where the range has only some of their days. A week is unknown once its raw rows are purged; its days and months "
    "stay known.",
    columns=(Column("week", "Week", "text"), Column("first_day", "From", "day"), CLOUD, SELF_HOSTED, ACTIVE_PEOPLE),
    drawings=(Drawing("Weekly active people", Form.COLUMNS, ("week",), "active_people", "people"),),
)
MONTHLY_PEOPLE = Report(
    name="monthly_people",
    title="Monthly active people",
    description="Distinct people with at least one event, by month (UTC). Months are shown whole, also where the range "
    "has only some of their days.",
    columns=(Column("month", "Month", "text"), CLOUD, SELF_HOSTED, ACTIVE_PEOPLE),
    drawings=(Drawing("Monthly active people", Form.COLUMNS, ("month",), "active_people", "people"),),
)
FEATURE_ADOPTION = Report(
    name="feature_adoption",
    title="Feature adoption",
    description="How many people used each feature, and how often.",
    columns=(
        Column("feature_name", "Feature", "text"),
        Column("unique_users", "People", "count"),
        Column("total_uses", "Uses", "count"),
    ),
    drawings=(
        Drawing("People by feature", Form.BARS, ("feature_name",), "unique_users", "people"),
        Drawing("Uses by feature", Form.BARS, ("feature_name",), "total_uses", "uses"),
    ),
    compared=True,
    change="total_uses",
)
FEATURE_ACTIONS = Report(
    name="feature_actions",
    title="Feature actions",
    description="How many people used each action of a feature, and how often. For page views, each page counts as an "
    "action.",
    columns=(
        Column("feature_name", "Feature", "text"),
        Column("action", "Action", "text"),
        Column("unique_users", "People", "count"),
        Column("total_uses", "Uses", "count"),
    ),
    drawings=(Drawing("Uses by action", Form.BARS, ("feature_name", "action"), "total_uses", "uses"),),
)
ENDPOINT_PERFORMANCE = Report(
    name="endpoint_performance",
    title="Endpoint performance",
    description="Durations in milliseconds and server errors (status 500 and above, or unknown), by URL pattern and "
    "method. Percentiles are within 2 percent; all other numbers are exact.",
    columns=(
        Column("endpoint", "Endpoint", "name"),
        Column("method", "Method", "text"),
        Column("requests", "Requests", "count"),
        Column("avg_ms", "Average", "ms"),
        Column("p50_ms", "p50", "ms"),
        Column("p95_ms", "p95", "ms"),
        Column("p99_ms", "p99", "ms"),
        Column("errors", "Errors", "count"),
        Column("error_percent", "Error rate", "percent"),
        Column("unique_users", "People", "count"),
    ),
    drawings=(
        Drawing(
            "Slowest (p95, milliseconds)",
            Form.BARS,
            ("method", "endpoint"),
            "p95_ms",
            "milliseconds",
        ),
        Drawing("Most errors", Form.BARS, ("method", "endpoint"), "errors", "errors"),
    ),
    compared=True,
    change="p95_ms",
)
# Of one feature or endpoint, the question's name.
FEATURE_TOTAL = replace(
    FEATURE_ADOPTION, name="feature", query=FEATURE_ADOPTION.name, exact=True, drawings=(), change=""
)
FEATURE_DAYS = Report(
    name="feature_days",
    title="By day",
    description="Distinct people who used the feature, and their uses, by UTC day.",
    columns=(DAY, *FEATURE_ADOPTION.columns[1:]),
    drawings=(
        Drawing("People by day", Form.LINE, ("day",), "unique_users", "people"),
        Drawing("Uses by day", Form.LINE, ("day",), "total_uses", "uses"),
    ),
    compared=True,
)
FEATURE_KEPT = Report(
    name="feature_kept",
    title="Kept using it",
    description="Of the people who first used the feature in an ISO week (from Monday, UTC), how many used it again in "
    "the week that is 1, 4 and 12 weeks later. Weeks appear once over. First uses are those that the stored rows have.",
    columns=(
        Column("week", "Week", "text"),
        Column("first_day", "From", "day"),
        Column("people", "First used it", "count"),
        *(Column(f"week_{weeks}", f"{weeks} week{'s' * (weeks > 1)} later", "count") for weeks in WEEKS_LATER),
    ),
    compared=True,
)
FEATURE_ADOPTED = Report(
    name="feature_adopted",
    title="Adoption by week",
    description="People who first used the feature in each ISO week (from Monday, UTC), all who have used it so far, "
    "and those who used it in that week, with their share of the week's active people. Weeks appear once over. First "
    "uses are those that the stored rows have.",
    columns=(
        Column("week", "Week", "text"),
        Column("first_day", "From", "day"),
        Column("people", "First used it", "count"),
        Column("so_far", "Used it so far", "count"),
        Column("unique_users", "Used it that week", "count"),
        Column("share_percent", "Of active people", "percent"),
    ),
    drawings=(
        Drawing("People who first used it, by week", Form.COLUMNS, ("week",), "people", "people"),
        Drawing("Share of active people who used it, by week", Form.COLUMNS, ("week",), "share_percent", "percent"),
    ),
)
ACTIONS_OF_FEATURE = replace(
    FEATURE_ACTIONS,
    name="actions_of_feature",
    query=FEATURE_ACTIONS.name,
    exact=True,
    title="Actions",
    description="How many people used each action of the feature, and how often.",
)
FEATURE_TOGETHER = Report(
    name="feature_together",
    title="Used together with",
    description="How many of the feature's people used each other feature in the range, too, and their share of the "
    "feature's people.",
    columns=(
        Column("feature_name", "Feature", "text"),
        Column("unique_users", "People of both", "count"),
        Column("share_percent", "Share", "percent"),
    ),
    drawings=(Drawing("People of both, by feature", Form.BARS, ("feature_name",), "unique_users", "people"),),
)
FUNNEL = Report(
    name="funnel",
    title="Steps",
    description="How many people did each step after the steps before it, in this order, each later than the one "
    "before and all within the window from the first. All steps are in the range; a person counts once. Where a "
    "smallest group is set, a day counts once it is over.",
    columns=(
        Column("place", "Step", "text"),
        Column("step", "Event", "text"),
        Column("people", "People", "count"),
        Column("of_first_percent", "Of the first step", "percent"),
        Column("of_previous_percent", "Of the step before", "percent"),
    ),
    drawings=(Drawing("People by step", Form.BARS, ("place", "step"), "people", "people"),),
)
ENDPOINT_TOTAL = replace(
    ENDPOINT_PERFORMANCE,
    name="endpoint",
    query=ENDPOINT_PERFORMANCE.name,
    exact=True,
    title="In the range",
    drawings=(),
    change="",
)
ENDPOINT_DAYS = Report(
    name="endpoint_days",
    title="By day",
    description="Requests, durations in milliseconds and server errors (status 500 and above, or unknown) of the "
    "endpoint, by UTC day. Percentiles are within 2 percent.",
    columns=(
        DAY,
        *(column for column in ENDPOINT_PERFORMANCE.columns[2:] if column.name != "avg_ms"),
    ),
    drawings=(
        Drawing("Requests by day", Form.LINE, ("day",), "requests", "requests"),
        Drawing("p95 by day (milliseconds)", Form.LINE, ("day",), "p95_ms", "milliseconds"),
        Drawing("Errors by day", Form.LINE, ("day",), "errors", "errors"),
    ),
    compared=True,
)
RETENTION = Report(
    name="retention",
    title="By day of the first event",
    description="Of the people whose first event was on a UTC day, how many were active again on one of the next seven "
    "days, and on each. Days appear once complete.",
    columns=(Column("first_day", "First day", "day"), *RETURNS),
    drawings=(Drawing("7-day retention (percent)", Form.COLUMNS, ("first_day",), "retention_percent", "percent"),),
    compared=True,
)
WEEKLY_RETENTION = Report(
    name="weekly_retention",
    title="By week of the first event",
    description="Of the people whose first event was in an ISO week (from Monday, UTC), how many were active again on "
    "one of the seven days after their first, and on each. Weeks are shown whole, also where the range has only some "
    "of their days. Days appear once complete for the whole week.",
    columns=(Column("week", "Week", "text"), Column("first_day", "From", "day"), *RETURNS),
    drawings=(Drawing("Who came back, by day (percent)", Form.COHORTS, ("week",), "retention_percent", "percent"),),
)
SIGN_INS = Report(
    name="sign_ins",
    title="Sign-ins",
    description="How often people signed in, and how many people signed in, by UTC day.",
    columns=(DAY, Column("sign_ins", "Sign-ins", "count"), Column("people", "People", "count")),
    drawings=(Drawing("Sign-ins by day", Form.COLUMNS, ("day",), "sign_ins", "sign-ins"),),
    compared=True,
)
SIGN_IN_DAYS = Report(
    name="sign_in_days",
    title="How often people sign in",
    description="How many people signed in on so many different UTC days of the range.",
    columns=(Column("days", "Days with a sign-in", "text"), Column("people", "People", "count")),
    drawings=(Drawing("People by number of days with a sign-in", Form.COLUMNS, ("days",), "people", "people"),),
)
DAILY_OVER_MONTHLY = Report(
    name="daily_over_monthly",
    title="Daily over monthly people",
    description="Which share of the active people of a month is active on an average day of it (UTC). Days that are "
    "not over are left out, and days before the first with people.",
    columns=(
        Column("month", "Month", "text"),
        ACTIVE_PEOPLE,
        Column("average_a_day", "A day, on average", "number"),
        Column("share_percent", "Daily over monthly", "percent"),
    ),
    drawings=(Drawing("Daily over monthly people", Form.COLUMNS, ("month",), "share_percent", "percent"),),
)
SESSIONS = Report(
    name="sessions",
    title="Sessions",
    description="Length of sessions, from the first event on a UTC day to the last event on that day. A session that "
    "passes midnight counts on both days; the time between its last event before midnight and its first event after "
    "midnight counts on neither. Percentiles are within 2 percent.",
    columns=(
        DAY,
        Column("sessions", "Sessions", "count"),
        Column("avg_s", "Average", "seconds"),
        Column("p50_s", "p50", "seconds"),
        Column("p95_s", "p95", "seconds"),
    ),
    drawings=(
        Drawing("Sessions by day", Form.COLUMNS, ("day",), "sessions", "sessions"),
        Drawing("Average length by day (minutes)", Form.COLUMNS, ("day",), "avg_s", "minutes", per_unit=60.0),
    ),
    compared=True,
)
SENT = Report(
    name="sent",
    title="Sent counts",
    description="Spans recorded by this site: recorded = sent + withheld + dropped + failed. An undeclared or "
    "malformed event becomes no span and counts as invalid.",
    columns=(
        DAY,
        Column("recorded", "Recorded", "count"),
        Column("sent", "Sent", "count"),
        Column("withheld", "Withheld", "count"),
        Column("dropped", "Dropped", "count"),
        Column("failed", "Failed", "count"),
        Column("invalid", "Invalid", "count"),
    ),
    drawings=(Drawing("Spans sent by day", Form.COLUMNS, ("day",), "sent", "spans"),),
    compared=True,
)
NOT_SENT = Report(
    name="not_sent",
    title="Why spans were not sent",
    description="Not sent: no consent (withheld). Dropped: the queue was full, or the process ended. Failed: the "
    "collector could not be reached (unreachable, timeout, tls), was busy, refused the batch, rejected some spans or "
    "does not speak OTLP (not_otlp); broken: the settings allow no connection.",
    columns=(
        Column("outcome", "Outcome", "text"),
        Column("reason", "Reason", "text"),
        Column("spans", "Spans", "count"),
    ),
    drawings=(Drawing("Spans not sent, by reason", Form.BARS, ("outcome", "reason"), "spans", "spans"),),
)
RECEIVED = Report(
    name="received",
    title="Received counts",
    description="Spans received by the processor: received = stored + duplicate + rejected.",
    columns=(
        DAY,
        Column("received", "Received", "count"),
        Column("stored", "Stored", "count"),
        Column("duplicate", "Duplicate", "count"),
        Column("rejected", "Rejected", "count"),
    ),
    drawings=(Drawing("Spans received by day", Form.COLUMNS, ("day",), "received", "spans"),),
    compared=True,
)
REJECTED = Report(
    name="rejected",
    title="Why spans were rejected",
    description="A rejected span is not stored and not sent again. The sender is its service.name.",
    columns=(Column("reason", "Reason", "text"), Column("sender", "Sender", "text"), Column("spans", "Spans", "count")),
    drawings=(Drawing("Spans rejected, by reason and sender", Form.BARS, ("reason", "sender"), "spans", "spans"),),
)
PARTS = Report(
    name="parts",
    title="Missing from stored spans",
    description="Metadata that the catalogue does not declare, and route text that is not part of a URL pattern: both "
    "are removed. And vouchers: without one, only the sender says that the person shares.",
    columns=(Column("part", "Part", "text"), Column("sender", "Sender", "text"), Column("parts", "Parts", "count")),
)
CONSENT = Report(
    name="consent",
    title="Consent by day",
    description="People to whom a notice was shown, and people's choices, as last counted on each UTC day. A day on "
    "which keep_telemetry did not run is unknown. People can choose before they are asked.",
    columns=(DAY, *CHOICES),
    drawings=(Drawing("People who chose to share, by day", Form.COLUMNS, ("day",), "yes", "people"),),
    compared=True,
)
CONSENT_BY_NOTICE = Report(
    name="consent_by_notice",
    title="Consent by notice",
    description="The same for the last counted day of the range, by the newest notice that people were shown.",
    columns=(Column("notice", "Notice", "text"), *CHOICES),
)
