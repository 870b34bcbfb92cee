"""What each number of the reports is, said once more as plain SQL on raw rows and on the tallies as they are.

Parameters: start, end (exclusive), deployment or null, name and method or null, now.
"""

from analytics.sql import sql

ACTIVITY = """(SELECT *, ("timestamp" AT TIME ZONE 'UTC')::date AS day FROM analytics_user_activity
    WHERE %(deployment)s::varchar IS NULL OR deployment_type = %(deployment)s) activity"""
ENDPOINTS = ACTIVITY.replace("analytics_user_activity", "analytics_endpoint_usage").replace(") activity", ") endpoints")
FEATURES = ACTIVITY.replace("analytics_user_activity", "analytics_feature_usage").replace(") activity", ") features")
DAYS = """(SELECT generate_series(%(start)s::timestamptz AT TIME ZONE 'UTC',
    %(end)s::timestamptz AT TIME ZONE 'UTC' - interval '1 day', '1 day')::date AS day) days"""
IN_RANGE = '"timestamp" >= %(start)s AND "timestamp" < %(end)s'
PARTS = """
    count(DISTINCT user_id) FILTER (WHERE deployment_type = 'cloud'),
    count(DISTINCT user_id) FILTER (WHERE deployment_type = 'self_hosted'),
    count(DISTINCT user_id)"""

PEOPLE_BY = """
    SELECT {named}, {parts}
    FROM (SELECT DISTINCT date_trunc('{length}', day)::date AS first FROM {days}) periods
    LEFT JOIN (SELECT * FROM {activity} WHERE event_type = 'login') logins
        ON logins.day >= first AND logins.day < first + interval '1 {length}'
    GROUP BY first ORDER BY first"""

SESSION = f"""(SELECT day, session_id, extract(epoch FROM max("timestamp") - min("timestamp"))::float8 AS seconds
    FROM {ACTIVITY} WHERE session_id IS NOT NULL GROUP BY day, deployment_type, session_id) sessions"""
FIRSTS = f"(SELECT user_id, min(day) AS first FROM {ACTIVITY} WHERE event_type = 'login' GROUP BY user_id) firsts"
CAME_BACK = (
    f"EXISTS (SELECT FROM {ACTIVITY} WHERE event_type = 'login' AND user_id = firsts.user_id AND day - first {{}})"
)
RETURNS_OF_A_WEEK = ",".join(
    f"CASE WHEN (%(now)s AT TIME ZONE 'UTC')::date > monday + 6 + {day} "
    f"THEN count(*) FILTER (WHERE {CAME_BACK.format(f'= {day}')}) END"
    for day in range(1, 8)
)
WEEK_IS_OVER = "(%(now)s AT TIME ZONE 'UTC')::date > monday + 6 + 7"
RETURNED = f"count(*) FILTER (WHERE {CAME_BACK.format('BETWEEN 1 AND 7')})"

PLAIN = {
    **{
        name: sql(f"report_{name}")
        for name in (
            "active_people",
            "feature_adoption",
            "feature_actions",
            "endpoint_performance",
            "retention",
            "sessions",
        )
    },
    "people_of_range": f"SELECT count(DISTINCT user_id) FROM {ACTIVITY} WHERE event_type = 'login' AND {IN_RANGE}",
    "weekly_people": PEOPLE_BY.format(
        named="to_char(first, 'IYYY-\"W\"IW'), first", parts=PARTS, length="week", days=DAYS, activity=ACTIVITY
    ),
    "monthly_people": PEOPLE_BY.format(
        named="to_char(first, 'YYYY-MM')", parts=PARTS, length="month", days=DAYS, activity=ACTIVITY
    ),
    "sign_ins": f"""
        SELECT day, count(user_id), count(DISTINCT user_id)
        FROM {DAYS} LEFT JOIN (SELECT day, user_id FROM {ACTIVITY} WHERE event_type = 'login') logins USING (day)
        GROUP BY day ORDER BY day""",
    "weekly_retention": f"""
        SELECT to_char(monday, 'IYYY-"W"IW'), monday, count(*),
               CASE WHEN {WEEK_IS_OVER} THEN {RETURNED} END,
               CASE WHEN {WEEK_IS_OVER} THEN 100.0 * {RETURNED} / count(*) END,
               {RETURNS_OF_A_WEEK}
        FROM {FIRSTS} JOIN (SELECT DISTINCT date_trunc('week', day)::date AS monday FROM {DAYS}) weeks
            ON first >= monday AND first < monday + 7
        GROUP BY monday ORDER BY monday""",
    "overview": f"""
        SELECT day,
               (SELECT count(DISTINCT user_id) FROM {ACTIVITY} WHERE event_type = 'login' AND day = days.day),
               (SELECT count(*) FROM {ACTIVITY} WHERE event_type = 'login' AND day = days.day),
               (SELECT count(*) FROM {FIRSTS} WHERE first = days.day),
               (SELECT nullif(count(*), 0) - count(*) + {RETURNED} FROM {FIRSTS}
                WHERE first = days.day AND (%(now)s AT TIME ZONE 'UTC')::date > first + 7),
               (SELECT count(*) FROM {FEATURES} WHERE day = days.day),
               (SELECT count(*) FROM {ENDPOINTS} WHERE day = days.day),
               (SELECT count(*) FROM {ENDPOINTS} WHERE day = days.day AND status_code >= 500),
               (SELECT avg(duration_ms) FROM {ENDPOINTS} WHERE day = days.day),
               (SELECT count(*) FROM {SESSION} WHERE day = days.day),
               (SELECT avg(seconds) FROM {SESSION} WHERE day = days.day),
               (SELECT coalesce(sum(spans), 0) FROM analytics_ingest_tally t WHERE t.day = days.day),
               (SELECT coalesce(sum(spans), 0) FROM analytics_ingest_tally t
                WHERE t.day = days.day AND outcome = 'rejected')
        FROM {DAYS} ORDER BY day""",
    "sent": "SELECT day, "
    + ", ".join(
        f"(SELECT coalesce(sum(spans), 0) FROM analytics_export_tally t WHERE t.day = days.day AND outcome {which})"
        for which in ("<> 'invalid'", "= 'sent'", "= 'withheld'", "= 'dropped'", "= 'failed'", "= 'invalid'")
    )
    + f" FROM {DAYS} ORDER BY day",
    "not_sent": f"""SELECT outcome, reason, sum(spans) FROM analytics_export_tally JOIN {DAYS} USING (day)
        WHERE outcome <> 'sent' GROUP BY outcome, reason ORDER BY sum(spans) DESC, outcome, reason""",
    "received": "SELECT day, "
    + ", ".join(
        f"(SELECT coalesce(sum(spans), 0) FROM analytics_ingest_tally t WHERE t.day = days.day AND outcome {which})"
        for which in ("<> ''", "= 'stored'", "= 'duplicate'", "= 'rejected'")
    )
    + f" FROM {DAYS} ORDER BY day",
    "rejected": f"""SELECT reason, sum(spans) FROM analytics_ingest_tally JOIN {DAYS} USING (day)
        WHERE outcome = 'rejected' GROUP BY reason ORDER BY sum(spans) DESC, reason""",
}

# The figures that sum pages up, by page and title; of endpoints, sessions and cohorts as far as a range touches them.
COHORTS = f"FROM {FIRSTS} JOIN {DAYS} ON days.day = first"
JUDGED = f"{COHORTS} WHERE (%(now)s AT TIME ZONE 'UTC')::date > first + 7"
DAYS_IN_RANGE = f"(SELECT count(*) FROM {DAYS})"
SESSIONS_IN_RANGE = f"FROM {SESSION} JOIN {DAYS} USING (day)"
PEOPLE_FIGURES = {
    "People who signed in": PLAIN["people_of_range"],
    "Active a day, on average": f"""SELECT count(*)::float8 / {DAYS_IN_RANGE}
        FROM (SELECT DISTINCT day, user_id FROM {ACTIVITY} WHERE event_type = 'login' AND {IN_RANGE}) person_days""",
}
ENDPOINT_FIGURES = {
    "Requests": f"SELECT count(*) FROM {ENDPOINTS} WHERE {IN_RANGE}",
    "Error rate": f"""SELECT 100.0 * count(*) FILTER (WHERE status_code >= 500) / nullif(count(*), 0)
        FROM {ENDPOINTS} WHERE {IN_RANGE}""",
    "Average request": f"SELECT avg(duration_ms) FROM {ENDPOINTS} WHERE {IN_RANGE}",
}
RETENTION_FIGURES = {
    "New people": f"SELECT count(*) {COHORTS}",
    "7-day retention": f"SELECT 100.0 * {RETURNED} / nullif(count(*), 0) {JUDGED}",
}
SESSION_FIGURES = {
    "Sign-ins": f"SELECT count(*) FROM {ACTIVITY} WHERE event_type = 'login' AND {IN_RANGE}",
    "Sessions": f"SELECT count(*) {SESSIONS_IN_RANGE}",
    "Average session": f"SELECT avg(seconds) {SESSIONS_IN_RANGE}",
}
SPANS = "SELECT coalesce(sum(spans), 0) FROM {table} JOIN {days} USING (day) WHERE outcome {which}"
EXPORT, INGEST = "analytics_export_tally", "analytics_ingest_tally"
FIGURES = {
    "overview": {
        **PEOPLE_FIGURES,
        **RETENTION_FIGURES,
        "Feature uses": f"SELECT count(*) FROM {FEATURES} WHERE {IN_RANGE}",
        **ENDPOINT_FIGURES,
        **SESSION_FIGURES,
        "Spans received": SPANS.format(table=INGEST, days=DAYS, which="<> ''"),
        "Spans rejected": SPANS.format(table=INGEST, days=DAYS, which="= 'rejected'"),
    },
    "people": PEOPLE_FIGURES,
    "features": {
        "Features used": f"SELECT count(DISTINCT feature_name) FROM {FEATURES} WHERE {IN_RANGE}",
        "Uses": f"SELECT count(*) FROM {FEATURES} WHERE {IN_RANGE}",
    },
    "endpoints": {
        **ENDPOINT_FIGURES,
        "Errors": f"SELECT count(*) FROM {ENDPOINTS} WHERE {IN_RANGE} AND status_code >= 500",
    },
    "retention": {**RETENTION_FIGURES, "Came back within 7 days": f"SELECT {RETURNED} {JUDGED}"},
    "sessions": SESSION_FIGURES,
    "intake": {
        **{
            title: SPANS.format(table=EXPORT, days=DAYS, which=which)
            for title, which in (
                ("Recorded", "<> 'invalid'"),
                ("Sent", "= 'sent'"),
                ("Withheld", "= 'withheld'"),
                ("Dropped", "= 'dropped'"),
                ("Failed", "= 'failed'"),
                ("Invalid", "= 'invalid'"),
            )
        },
        **{
            title: SPANS.format(table=INGEST, days=DAYS, which=which)
            for title, which in (
                ("Received", "<> ''"),
                ("Stored", "= 'stored'"),
                ("Duplicate", "= 'duplicate'"),
                ("Rejected", "= 'rejected'"),
            )
        },
    },
}
