"""Some weeks of usage in a running product's tables, and the reports of them computed."""

import random
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import psycopg

from embedded_postgres.server import connection_url
from tests.acceptance.product import TABLES, Product, wait_until

PEOPLE = 90
ENDPOINTS = [
    ("GET", "/api/tests/", 40.0),
    ("POST", "/api/tests/", 90.0),
    ("GET", "/api/test_runs/<uuid:id>/", 60.0),
    ("POST", "/api/test_runs/", 700.0),
    ("GET", "/api/organizations/<uuid:organization_id>/projects/<uuid:project_id>/test_sets/<uuid:id>/metrics/", 150.0),
    ("GET", f"/{'a-segment-without-an-end-' * 12}/", 15.0),
    ("DELETE", "/api/prompts/<uuid:id>/", 30.0),
    ("GET", "/settings/privacy/", 20.0),
]
FEATURES = {
    "test_run": ("created", "viewed"),
    "test_set": ("created", "run"),
    "metric": ("viewed",),
    "prompt": ("viewed",),
}
ACTIVITY = "id, user_id, timestamp, deployment_type, event_type, session_id"
REQUESTS = "id, user_id, timestamp, deployment_type, endpoint, method, status_code, duration_ms"
USES = "id, user_id, timestamp, deployment_type, feature_name, action"


def fill(product: Product, *, days: int) -> None:
    """Nothing but so many days until now, of a growing number of people, fewer of them on week-ends. Returns when the
    reports have them."""
    chance = random.Random(days)
    activity: list[tuple[Any, ...]] = []
    requests: list[tuple[Any, ...]] = []
    uses: list[tuple[Any, ...]] = []
    today = datetime.combine(datetime.now(UTC).date(), time(), UTC)
    touched = [today - timedelta(days=ago) for ago in range(days, 0, -1)]
    for number, day in enumerate(touched):
        known = PEOPLE * (number + days // 2) // (days + days // 2)
        for who in range(known):
            if chance.random() > (0.12 if day.weekday() > 4 else 0.35):
                continue
            person, deployment = UUID(int=0xB000 + who), "cloud" if who % 4 else "self_hosted"
            start = day + timedelta(hours=chance.uniform(7, 17))
            end = start + timedelta(minutes=chance.expovariate(1 / 35))
            for event, when in (("login", start), ("logout", end)):
                activity.append((_id(chance), person, when, deployment, event, f"{day:%j}-{who}"))
            for _ in range(chance.randrange(6)):
                method, endpoint, typical = chance.choice(ENDPOINTS)
                status = 500 if chance.random() < 0.03 else 200
                took = typical * chance.lognormvariate(0, 0.6)
                requests.append((_id(chance), person, start, deployment, endpoint, method, status, took))
            for feature in list(FEATURES)[: 1 + number * len(FEATURES) // days]:
                if chance.random() < 0.4:
                    action = chance.choice(FEATURES[feature])
                    uses.append((_id(chance), person, start, deployment, feature, action))
    with psycopg.connect(connection_url(product.tree / ".local/postgres")) as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
        for month in sorted({day.replace(day=1) for day in touched}):
            connection.execute("SELECT analytics_make_month(%s)", [month])
        for table, columns, rows in (
            ("analytics_user_activity", ACTIVITY, activity),
            ("analytics_endpoint_usage", REQUESTS, requests),
            ("analytics_feature_usage", USES, uses),
        ):
            with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:  # type: ignore[arg-type]
                for row in rows:
                    copy.write_row(row)
        for day in touched:
            spans = 40 + chance.randrange(200)
            connection.execute("INSERT INTO analytics_touched_day (day) VALUES (%s)", [day.date()])
            connection.execute(
                "INSERT INTO analytics_export_tally (day, outcome, reason, spans)"
                " VALUES (%(day)s, 'sent', '', %(spans)s),"
                " (%(day)s, 'withheld', 'choice', %(spans)s / 3), (%(day)s, 'dropped', '', %(spans)s / 20)"
                " ON CONFLICT DO NOTHING",
                {"day": day.date(), "spans": spans},
            )
            connection.execute(
                "INSERT INTO analytics_ingest_tally (day, slot, outcome, reason, spans)"
                " VALUES (%(day)s, 0, 'stored', '', %(spans)s - 5), (%(day)s, 0, 'duplicate', '', 3),"
                " (%(day)s, 0, 'rejected', 'undeclared', 2) ON CONFLICT DO NOTHING",
                {"day": day.date(), "spans": spans},
            )
            connection.execute(
                "INSERT INTO analytics_consent_of_day (day, notice_version, asked, yes, no, undecided)"
                " VALUES (%(day)s, 1, %(asked)s, %(asked)s - 9, 6, 3) ON CONFLICT DO NOTHING",
                {"day": day.date(), "asked": 20 + number},
            )
    wait_until("the reports", lambda: _is_computed(product))


def _id(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128))


def _is_computed(product: Product) -> bool:
    with psycopg.connect(connection_url(product.tree / ".local/postgres")) as connection:
        waiting = connection.execute("SELECT count(*) FROM analytics_touched_day").fetchone()
    return waiting == (0,)
