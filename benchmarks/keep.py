"""The costs and savings of storage: partitions, indexes, rollups and erasures, each compared with the simple way.

    python3 dev.py bench keep
    python -m benchmarks.keep --rows 500000 --month-rows 100000     # quicker; the ratios grow with the rows

The data is that of a busy month: 20,000 people, a few active all day and most only sometimes, 40 features, 60 endpoints
with two methods each, and realistic durations; most rows are requests. It is inserted in the order of time, into a test
database that is dropped afterwards.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

# ruff: noqa: E402  Django's apps must be there before what is imported next
from django.db import connection, transaction
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone

from analytics.erasure.correction import correct_rollups
from analytics.erasure.here import erase
from analytics.keep import rollups
from analytics.keep.partitions import make_month, partitions
from analytics.keep.purge import plan_purge, purge
from analytics.retention import months_before
from analytics.show.question import Question
from analytics.show.report import query_parameters
from analytics.sql import sql
from benchmarks._rounds import Measured, interleaved, print_ratio, ratio
from tests.support.raw_reports import UNFILTERED, raw_sql

MONTH, DAYS = datetime(2026, 8, 1, tzinfo=UTC), 31
END = MONTH + timedelta(days=DAYS)
PEOPLE = 20_000
TABLES = ("analytics_user_activity", "analytics_endpoint_usage", "analytics_feature_usage")
REPORTS = {  # and whether people are counted in it
    "active_people": True,
    "feature_adoption": True,
    "retention": True,
    "endpoint_performance": False,
    "sessions": False,
}
STEPS = 4  # in which the table grows while erasures are measured
ERASED_A_STEP, ROWS_OF_THE_ERASED = 5, 200

# A row's id begins with its millisecond, as the processor makes it. Rows `first` to `last` of the `total` of a month.
ID = """(lpad(to_hex((extract(epoch FROM "timestamp") * 1000)::bigint), 12, '0') || '8'
         || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid"""
ROWS = f"""
WITH numbered AS MATERIALIZED (
    SELECT n, %(month)s::timestamptz + n * (interval '{DAYS} days' / %(total)s) AS "timestamp",
           lpad(to_hex(1 + ({PEOPLE} * random() ^ 2.5)::integer), 32, 'a')::uuid AS user_id,
           random() AS any_, random() AS other
    FROM generate_series(%(first)s::bigint, %(last)s::bigint - 1) AS n
)"""
ORGANIZATION = "lpad(left(user_id::text, 0) || right(user_id::text, 2), 32, 'b')::uuid"
FILL = {
    "analytics_user_activity": f"""
        INSERT INTO analytics_user_activity (id, user_id, organization_id, event_type, "timestamp", session_id,
                                             deployment_type)
        {ROWS} SELECT {ID}, user_id, {ORGANIZATION},
                      CASE WHEN any_ < 0.4 THEN 'login' WHEN any_ < 0.6 THEN 'logout' ELSE 'session_start' END,
                      "timestamp", left(md5(user_id::text || "timestamp"::date || floor(other * 2)), 32),
                      CASE WHEN right(user_id::text, 1) < '4' THEN 'self_hosted' ELSE 'cloud' END
        FROM numbered""",
    "analytics_endpoint_usage": f"""
        INSERT INTO analytics_endpoint_usage (id, endpoint, method, user_id, organization_id, status_code, duration_ms,
                                              "timestamp", deployment_type)
        {ROWS} SELECT {ID}, '/api/things' || floor(60 * any_ ^ 2) || '/<uuid:pk>/',
                      CASE WHEN other < 0.7 THEN 'GET' ELSE 'POST' END, user_id, {ORGANIZATION},
                      CASE WHEN other < 0.01 THEN 500 WHEN other < 0.05 THEN 404 ELSE 200 END,
                      exp(0.8 * random_normal()) * (10 + 90 * any_), "timestamp",
                      CASE WHEN right(user_id::text, 1) < '4' THEN 'self_hosted' ELSE 'cloud' END
        FROM numbered""",
    "analytics_feature_usage": f"""
        INSERT INTO analytics_feature_usage (id, feature_name, user_id, organization_id, action, "timestamp",
                                             deployment_type, metadata)
        {ROWS} SELECT {ID}, 'feature_' || floor(40 * any_ ^ 1.5), user_id, {ORGANIZATION},
                      (ARRAY['created', 'viewed', 'run'])[1 + floor(3 * other)::integer], "timestamp",
                      CASE WHEN right(user_id::text, 1) < '4' THEN 'self_hosted' ELSE 'cloud' END,
                      jsonb_build_object('count', n %% 100)
        FROM numbered""",
}
SHARES = {"analytics_user_activity": 0.1, "analytics_endpoint_usage": 0.6, "analytics_feature_usage": 0.3}


def execute(statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def seconds(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def silently(_: str) -> None:
    """Progress that nobody reads."""


def fill(table: str, month: datetime, total: int, part: range) -> None:
    """Rows `part` of the `total` that a month has."""
    parameters = {"month": month, "total": total, "first": part.start, "last": part.stop}
    execute(f"SET LOCAL synchronous_commit = off; {FILL[table]}", parameters)


def dropping_a_month(rows: int, rounds: int) -> None:
    """The purge of a month, beside the same rows in a table without partitions, with as many that stay."""
    table, old, cutoff = "analytics_endpoint_usage", months_before(MONTH, 7), months_before(MONTH, 6)
    make_month(old)
    fill(table, old, rows, range(rows))
    execute("CREATE TABLE old_rows AS SELECT * FROM analytics_endpoint_usage")
    execute("CREATE TABLE plain (LIKE analytics_endpoint_usage INCLUDING ALL)")
    execute("""INSERT INTO plain SELECT id, endpoint, method, user_id, organization_id, status_code, duration_ms,
               "timestamp" + interval '1 month', deployment_type, metadata FROM old_rows""")
    for partition in partitions():
        if partition.start == old:
            execute(f'TRUNCATE "{partition.name}"')
    month_later = months_before(cutoff, -1)

    def partitioned() -> float:
        make_month(old)
        execute("INSERT INTO analytics_endpoint_usage SELECT * FROM old_rows")
        rollups.roll_up(report=silently)
        return seconds(lambda: purge(plan_purge(1, month_later), report=silently))

    def deleted() -> float:
        execute("INSERT INTO plain SELECT * FROM old_rows")

        def delete() -> None:
            execute('DELETE FROM plain WHERE "timestamp" < %s', [cutoff])
            execute("VACUUM plain")

        return seconds(delete)

    measured = interleaved({"delete": deleted, "purge": partitioned}, rounds=rounds)
    print(f"a month of {rows:,} rows goes")
    show(measured)
    print_ratio("DELETE and VACUUM, to the purge", ratio(measured, "delete", "purge"), "at least 8")
    execute("DROP TABLE old_rows, plain")
    execute("TRUNCATE analytics_rolled_up_day")


def bytes_a_row(rows: int) -> None:
    """Our two indexes, beside one for each column and random ids, as the original design had them."""
    make_month(MONTH)
    print(f"bytes a row, of {rows:,} in each table")
    sums = [0, 0]
    for table in TABLES:
        columns = [
            name
            for (name,) in execute(
                "SELECT quote_ident(column_name) FROM information_schema.columns WHERE table_name = %s", [table]
            )
        ]
        execute(f"CREATE TABLE original (LIKE {table} INCLUDING DEFAULTS, PRIMARY KEY (id))")
        execute("ALTER TABLE original ALTER COLUMN id SET DEFAULT gen_random_uuid()")
        others = [name for name in columns if name != "id"]
        for name in others:
            execute(f"CREATE INDEX ON original ({name})")
        fill(table, MONTH, rows, range(rows))
        execute(f"INSERT INTO original ({', '.join(others)}) SELECT {', '.join(others)} FROM {table}")
        ours = sum(each.size_bytes for each in partitions() if each.table == table)
        theirs = int(execute("SELECT pg_total_relation_size('original')")[0][0])
        print(
            f"  {table}: {ours / rows:.0f} with our indexes, {theirs / rows:.0f} with one a column, {ours / theirs:.3f}"
        )
        sums = [sums[0] + ours, sums[1] + theirs]
        execute("DROP TABLE original")
        execute(f"TRUNCATE {table}")
    print_ratio("ours to one index a column, in all three", (sums[0] / sums[1],) * 3, "at most 0.6")


def growing(rows: int) -> None:
    """Fill the month in steps; after each, erase people who have equally many rows, and correct the reports."""
    for ahead in range(13):
        make_month(months_before(MONTH, ahead))
    totals = {table: round(rows * share) for table, share in SHARES.items()}
    plant()
    erasing: list[float] = []
    print(f"an erasure of {ROWS_OF_THE_ERASED} rows while the tables, of a partition a month, grow to {rows:,} rows")
    for step in range(STEPS):
        for table, total in totals.items():
            fill(table, MONTH, total, range(total * step // STEPS, total * (step + 1) // STEPS))
        execute("VACUUM ANALYZE")
        rollups.roll_up(report=silently)
        people = [planted(step * ERASED_A_STEP + number) for number in range(ERASED_A_STEP)]
        erasing.append(median(seconds(partial(erase, uuid4(), [each], requested_at=timezone.now())) for each in people))
        began = time.perf_counter()
        days = correct_rollups(report=silently)
        correcting = time.perf_counter() - began
        print(
            f"  {rows * (step + 1) // STEPS:>12,} rows: erased in {erasing[-1] * 1e3:.1f} ms; "
            f"reports corrected in {correcting / len(days) * 1e3:.0f} ms a day"
        )
    print_ratio(f"an erasure in {STEPS} times the rows, to the first", (erasing[-1] / erasing[0],) * 3, "near 1")
    for table in TABLES:
        assert execute(f"SELECT count(*) FROM {table}")[0][0] >= totals[table]


def planted(number: int) -> UUID:
    return UUID(int=0xC000 + number)


def plant() -> None:
    """Those who will be erased, with as many rows each, on the first days."""
    for number in range(STEPS * ERASED_A_STEP):
        execute(
            """INSERT INTO analytics_feature_usage (id, feature_name, user_id, action, "timestamp", deployment_type)
               SELECT gen_random_uuid(), 'feature_1', %s, 'run', %s + n * interval '53 minutes', 'cloud'
               FROM generate_series(1, %s) n""",
            [planted(number), MONTH, ROWS_OF_THE_ERASED],
        )


def reports(rows: int, rounds: int) -> None:
    """Each report over the whole month, from raw rows and from rollups."""
    month_later = END + timedelta(days=30)
    bounds = {"start": MONTH, "end": END, "now": month_later, **UNFILTERED}
    asked = Question(MONTH.date(), END.date() - timedelta(days=1))
    of_rollups = query_parameters(asked, today=month_later.date(), smallest=1)
    print(f"reports over {DAYS} days, {rows:,} rows")
    for name, counts_people in REPORTS.items():
        measured = interleaved(
            {
                "raw": partial(seconds, partial(execute, raw_sql(name), bounds)),
                "rollups": partial(seconds, partial(execute, sql(f"reports/{name}"), of_rollups)),
            },
            rounds=rounds,
        )
        show(measured)
        print_ratio(
            f"{name}: raw to rollups", ratio(measured, "raw", "rollups"), f"at least {50 if counts_people else 10}"
        )


def a_day(rounds: int) -> None:
    """The rollup of one day, beside reading its rows once, and beside its five reports from raw rows."""
    day = (MONTH + timedelta(days=15)).date()
    bounds = {"start": MONTH + timedelta(days=15), "end": MONTH + timedelta(days=16), "now": END, **UNFILTERED}

    within = """WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s"""

    def roll_up() -> float:
        execute("INSERT INTO analytics_touched_day (day, stage) VALUES (%s, 'taken')", [day])
        return seconds(lambda: rollups.roll_up_day(day))

    def read() -> None:
        for table in TABLES:
            execute(f"SELECT count({table}) FROM {table} {within}", bounds)

    def report() -> None:
        for name in REPORTS:
            execute(raw_sql(name), bounds)

    measured = interleaved(
        {"rollup": roll_up, "scan": lambda: seconds(read), "raw reports": lambda: seconds(report)}, rounds=rounds
    )
    in_it = sum(execute(f"SELECT count(*) FROM {table} {within}", bounds)[0][0] for table in TABLES)
    print(f"a day of {in_it:,} rows")
    show(measured)
    print_ratio("its rollup to reading its rows once", ratio(measured, "rollup", "scan"), "no bound")
    print_ratio(
        "its rollup to the five reports of it from raw rows", ratio(measured, "rollup", "raw reports"), "no bound"
    )
    sizes = execute(
        """SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(ARRAY['analytics_people_of_day',
           'analytics_daily_activity', 'analytics_daily_feature', 'analytics_daily_endpoint',
           'analytics_daily_sessions', 'analytics_cohort', 'analytics_monthly_people', 'analytics_person']) name"""
    )
    raw = sum(each.size_bytes for each in partitions())
    print(f"  all rollups take {float(sizes[0][0]) / 1e6:.1f} MB, the raw rows {raw / 1e6:.0f} MB")


def touched_days(rounds: int) -> None:
    """Compare one entry per touched day with one entry per request."""
    requests, days = 2_000, [MONTH.date(), (MONTH + timedelta(days=1)).date()]
    left: dict[str, int] = {}

    def contender(name: str, statement: str) -> float:
        execute("TRUNCATE analytics_touched_day")

        def write() -> None:
            for _ in range(requests):
                with transaction.atomic():
                    execute("LOCK TABLE analytics_lock_rows IN ROW EXCLUSIVE MODE")
                    execute(statement, {"days": days})

        took = seconds(write)
        left[name] = execute("SELECT count(*) FROM analytics_touched_day")[0][0]
        return took

    one_each = "INSERT INTO analytics_touched_day (day) SELECT unnest(%(days)s::date[])"
    measured = interleaved(
        {
            "an entry a request": partial(contender, "an entry a request", one_each),
            "an entry a day": partial(contender, "an entry a day", "SELECT analytics_touch_days(%(days)s::date[])"),
        },
        rounds=rounds,
    )
    print(f"entries left by {requests:,} requests on {len(days)} days each")
    print("  " + ", ".join(f"{name}: {number:,}" for name, number in left.items()))
    show(measured)
    print_ratio(
        "time of an entry a day, to an entry a request",
        ratio(measured, "an entry a day", "an entry a request"),
        "no bound",
    )


def show(measured: Measured) -> None:
    print("  " + ", ".join(f"{name} {median(values) * 1e3:,.1f} ms" for name, values in measured.items()))


@contextmanager
def empty_database() -> Iterator[None]:
    # Its own, so that tests may run beside it.
    connection.settings_dict["TEST"]["NAME"] = "test_rhesis_benchmark_keep"
    databases = setup_databases(verbosity=0, interactive=False, aliases=["default"])
    try:
        yield
    finally:
        teardown_databases(databases, verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000, help="in all three tables, for the reports (5000000)")
    parser.add_argument("--month-rows", type=int, default=1_000_000, help="of the month that goes (1000000)")
    parser.add_argument("--rounds", type=int, default=3, help="of each comparison (3)")
    parser.add_argument("--only-month", action="store_true", help="that, and nothing else")
    options = parser.parse_args()
    with empty_database():
        dropping_a_month(options.month_rows, options.rounds)
        if options.only_month:
            return
        bytes_a_row(options.month_rows)
        growing(options.rows)
        reports(options.rows, options.rounds)
        a_day(options.rounds)
        touched_days(options.rounds)


if __name__ == "__main__":
    main()
