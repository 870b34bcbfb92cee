"""The time of each page of reports, compared with its queries alone and with the same reports from raw rows.

    python3 dev.py bench reports
    python -m benchmarks.reports --rows 500000      # quicker; raw rows then cost less, the pages the same

Three months of 20,000 people, in a test database that is dropped afterwards.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

# ruff: noqa: E402  Django's apps must be there before what is imported next
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext, setup_databases, teardown_databases

from analytics.keep.rollups import roll_up
from analytics.models import ExportTally, IngestTally
from analytics.router import analytics_database
from analytics.show.answered import answered
from analytics.show.pages import PAGES, Page
from analytics.show.question import Question
from benchmarks._rounds import interleaved, print_ratio, ratio
from tests.support.people import a_person, signed_in
from tests.support.raw_reports import UNFILTERED, raw_sql

DAYS, PEOPLE = 90, 20_000
TODAY = datetime.now(UTC).date()
QUESTION = Question(TODAY - timedelta(days=DAYS - 1), TODAY)
# Names for the pages about one feature or endpoint.
NAMES = {"feature": "test_set", "endpoint": "/api/things1/<uuid:pk>/"}
STEPS = ("user_activity.login", "feature_usage.test_run", "feature_usage.test_set.created", "feature_usage.metric")
# The same reports from raw rows, where there are such.
RAW = {
    "people": ("active_people",),
    "features": ("feature_adoption", "feature_actions"),
    "endpoints": ("endpoint_performance",),
    "retention": ("retention",),
    "sessions": ("sessions",),
}
SHARES = {"analytics_user_activity": 0.15, "analytics_endpoint_usage": 0.6, "analytics_feature_usage": 0.25}
NUMBERED = """
    SELECT gen_random_uuid() AS id, %(start)s::timestamptz + n * (%(length)s::interval / %(rows)s) AS "timestamp",
           lpad(to_hex(1 + (%(people)s * random() ^ 2)::integer), 32, 'a')::uuid AS user_id,
           CASE WHEN random() < 0.3 THEN 'self_hosted' ELSE 'cloud' END AS deployment_type, random() AS any_
    FROM generate_series(0, %(rows)s - 1) n"""
FILL = {
    "analytics_user_activity": f"""
        INSERT INTO analytics_user_activity (id, "timestamp", user_id, deployment_type, event_type, session_id)
        SELECT id, "timestamp", user_id, deployment_type,
               CASE WHEN any_ < 0.5 THEN 'login' ELSE 'logout' END, left(md5(user_id::text || "timestamp"::date), 16)
        FROM ({NUMBERED}) numbered""",
    "analytics_endpoint_usage": f"""
        INSERT INTO analytics_endpoint_usage (id, "timestamp", user_id, deployment_type, endpoint, method, status_code,
                                              duration_ms)
        SELECT id, "timestamp", user_id, deployment_type, '/api/things' || floor(60 * any_ ^ 2) || '/<uuid:pk>/',
               CASE WHEN random() < 0.7 THEN 'GET' ELSE 'POST' END, CASE WHEN random() < 0.01 THEN 500 ELSE 200 END,
               exp(0.8 * random_normal()) * (10 + 90 * any_)
        FROM ({NUMBERED}) numbered""",
    "analytics_feature_usage": f"""
        INSERT INTO analytics_feature_usage (id, "timestamp", user_id, deployment_type, feature_name, action)
        SELECT id, "timestamp", user_id, deployment_type,
               coalesce((ARRAY['test_run', 'test_set', 'metric'])[1 + floor(40 * any_ ^ 1.5)::integer],
                        'feature_' || floor(40 * any_ ^ 1.5)),
               (ARRAY['created', 'viewed', 'run'])[1 + floor(3 * random())::integer]
        FROM ({NUMBERED}) numbered""",
}


def execute(statement: str, parameters: Any = None) -> None:
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(statement, parameters)
        if cursor.description:
            cursor.fetchall()


def seconds(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def fill(rows: int) -> None:
    for ago in range(DAYS + 31):
        execute("SELECT analytics_make_month(%s)", [(TODAY - timedelta(days=ago)).replace(day=1)])
    for table, share in SHARES.items():
        parameters = {
            "start": QUESTION.start,
            "length": f"{DAYS} days",
            "rows": round(rows * share),
            "people": PEOPLE - 1,
        }
        execute(f"SET synchronous_commit = off; {FILL[table]}", parameters)
    for ago in range(2 * DAYS):
        day = TODAY - timedelta(days=ago)
        ExportTally.objects.create(day=day, outcome="sent", spans=1000)
        IngestTally.objects.create(day=day, slot=0, outcome="stored", spans=1000)
    execute("VACUUM ANALYZE")


def question_of(page: Page) -> Question:
    steps = STEPS if "step" in page.filters else ()
    return replace(QUESTION, name=NAMES.get(page.name), steps=steps)


def raw(names: tuple[str, ...]) -> None:
    for question in (QUESTION, QUESTION.before):
        for name in names:
            parameters = {"start": question.start, "end": question.end, "now": datetime.now(UTC)}
            execute(raw_sql(name), {**parameters, **UNFILTERED})


def get(client: Client, page: Page) -> None:
    name = "" if page.name == "overview" else f"{page.name}/"
    answer = client.get(f"/admin/analytics/reports/{name}?{question_of(page).address({'name', 'step'})}")
    assert answer.status_code == 200, answer.status_code


def measure(rounds: int) -> None:
    client = signed_in(a_person(is_staff=True, is_superuser=True))
    print(f"each page of {DAYS} days and the {DAYS} before; milliseconds are medians of {rounds} rounds")
    for page in PAGES.values():
        contenders = {
            "page": partial(seconds, partial(get, client, page)),
            "queries": partial(seconds, partial(answered, page, question_of(page), TODAY)),
        }
        measured = interleaved(contenders, rounds=rounds)
        with CaptureQueriesContext(connections[analytics_database()]) as asked:
            get(client, page)
        from_raw = f", from raw rows {seconds(partial(raw, RAW[page.name])) * 1e3:,.0f} ms" if page.name in RAW else ""
        times = ", ".join(f"{name} {median(values) * 1e3:,.0f} ms" for name, values in measured.items())
        print(f"  {page.title}: {times}{from_raw}; {len(asked)} queries (at most 15)")
        over = median(one - other for one, other in zip(measured["page"], measured["queries"], strict=True))
        print_ratio(
            "the page, to its queries of the rollups", ratio(measured, "page", "queries"), "near 1 for slow queries"
        )
        print(f"  {'the page less its queries, whatever the rows':<62} {over * 1e3:4.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000, help="in all three tables together")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        print(f"{arguments.rows:,} rows: filled in {seconds(partial(fill, arguments.rows)):.0f} s", flush=True)
        print(f"rolled up in {seconds(lambda: roll_up(report=lambda _: None)):.0f} s", flush=True)
        measure(arguments.rounds)
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()
