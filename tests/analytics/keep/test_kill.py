"""`keep_telemetry` as a process of its own, killed where it hurts; and two of them at once."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from analytics.keep.partitions import State, partitions
from analytics.models import UserActivity
from tests.analytics.keep.conftest import Elsewhere, somebody_reading
from tests.analytics.keep.rows import activity, aggregates, execute, feature, moment, request, rolled_up, store

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

ROOT = Path(__file__).parents[3]
# manage.py on this test's databases.
RUN = """
import json, sys
import django
django.setup()
from django.core.management import execute_from_command_line
from django.db import connections
for alias, name in json.loads(sys.argv[1]).items():
    connections[alias].settings_dict["NAME"] = name
execute_from_command_line(["manage.py", *sys.argv[2:]])
"""


def started(*words: str, environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    names = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    return subprocess.Popen(
        [sys.executable, "-u", "-c", RUN, json.dumps(names), *words],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "tests.settings")}
        | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(*words: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    process = started(*words, environment=environment)
    out, errors = process.communicate(timeout=60)
    return process.returncode, out + errors


def some_rows() -> None:
    days = [moment("2024-02-27 10:00") + timedelta(days=day) for day in range(4)] + [timezone.now()]
    store(row for day in days for who in (1, 2) for row in (activity(who, day), feature(who, day), request(who, day)))


def kill_when_it_says(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    for said in process.stdout:
        if line in said:
            break
    process.kill()
    assert process.wait(30) == -signal.SIGKILL


def test_killed_anywhere_it_goes_on_where_it_was(months: None) -> None:
    some_rows()
    for line in ("1/4", "(1 of ", "(2 of ", "2/4", "3/4", "dropped"):
        kill_when_it_says(started("keep_telemetry"), line)
    code, said = finished("keep_telemetry")
    assert code == 0, said
    assert UserActivity.objects.count() == 2
    kept = aggregates()
    assert len(kept["analytics_daily_activity"]) == 2 * 5

    execute(
        "TRUNCATE analytics_user_activity, analytics_endpoint_usage, analytics_feature_usage, analytics_cohort, "
        "analytics_daily_activity, analytics_daily_endpoint, analytics_daily_feature, analytics_daily_sessions, "
        "analytics_earlier_people, analytics_monthly_people, analytics_people_of_day, analytics_person, "
        "analytics_rolled_up_day, analytics_touched_day"
    )
    some_rows()
    rolled_up()
    assert aggregates() == kept, "killing it left other aggregates than letting it run"


def test_killed_while_it_detaches_a_month_the_next_one_drops_it(months: None, elsewhere: Elsewhere) -> None:
    some_rows()
    rolled_up()
    before = aggregates()
    watcher = elsewhere()
    with somebody_reading(elsewhere(), "analytics_endpoint_usage"):  # the first it comes to
        process = started("purge_old_telemetry")
        waiting = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"
        while watcher.execute(waiting).fetchone() == (0,):  # type: ignore[arg-type]
            assert process.poll() is None, process.communicate()
        process.kill()
        process.wait(30)
        kill_leftovers = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                            WHERE query LIKE 'ALTER TABLE%DETACH%' AND pid <> pg_backend_pid()"""
        watcher.execute(kill_leftovers)
    assert State.HALF_DETACHED in {each.state for each in partitions()}
    code, said = finished("purge_old_telemetry")
    assert code == 0, said
    assert {each.state for each in partitions()} == {State.ATTACHED}
    assert UserActivity.objects.count() == 2
    assert aggregates() == before


def test_of_two_processes_at_once_one_is_refused_and_everything_is_done(months: None) -> None:
    some_rows()
    processes = [started("keep_telemetry") for _ in range(2)]
    outcomes = [(process.communicate(timeout=60), process.returncode) for process in processes]
    for (_, errors), code in outcomes:
        assert code in {0, 2}, errors
        if code == 2:
            assert errors == "CommandError: another process is rolling up or purging; nothing was changed\n"
    assert 0 in {code for _, code in outcomes}
    assert UserActivity.objects.count() == 2
    assert len(aggregates()["analytics_daily_activity"]) == 2 * 5


def test_neither_the_zone_of_the_process_nor_that_of_the_database_moves_a_row(months: None) -> None:
    """Lord Howe's clocks change by half an hour, on 5 April 2026; New York's on 8 March. Days are UTC's."""
    store(
        [
            activity(1, moment("2026-03-07 23:59:59.999999")),
            activity(2, moment("2026-03-08 00:00")),
            activity(3, moment("2026-03-08 07:30")),  # 3:30 in New York, an hour after 1:30
            activity(4, moment("2026-03-08 23:59:59.999999")),
            activity(5, moment("2026-03-09 00:00")),
            activity(6, moment("2026-04-04 15:30")),  # 2:00 in Lord Howe, for the second time
            activity(7, moment("2026-03-31 23:59:59.999999")),
            activity(8, moment("2026-04-01 00:00")),
        ]
    )
    database = execute("SELECT current_database()")[0][0]
    execute(f"ALTER DATABASE \"{database}\" SET timezone = 'America/New_York'")
    try:
        code, said = finished("keep_telemetry", "--months=1200", environment={"TZ": "Australia/Lord_Howe"})
    finally:
        execute(f'ALTER DATABASE "{database}" RESET timezone')
    assert code == 0, said
    days = "SELECT day::text, people FROM analytics_daily_activity WHERE deployment_type = 'all' ORDER BY day"
    assert execute(days) == [
        ("2026-03-07", 1),
        ("2026-03-08", 3),
        ("2026-03-09", 1),
        ("2026-03-31", 1),
        ("2026-04-01", 1),
        ("2026-04-04", 1),
    ]
    months_ = (
        "SELECT month::text, people FROM analytics_monthly_people WHERE deployment_type = 'all' AND measure = 'any'"
    )
    assert sorted(execute(months_)) == [("2026-03-01", 6), ("2026-04-01", 2)]


def test_no_database_at_all_is_one_line_and_exit_code_1() -> None:
    environment = {**os.environ, "DATABASE_URL": "postgres://nobody:secret@127.0.0.1:1/none", "DJANGO_DEBUG": "false"}
    environment |= {"SECRET_KEY": "x" * 60, "DJANGO_SETTINGS_MODULE": "rhesis_site.settings"}
    environment.pop("ANALYTICS_DATABASE_URL", None)
    for command in (["keep_telemetry"], ["purge_old_telemetry"], ["erase_user_telemetry", "x"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("CommandError: the database is not available (OperationalError)")
        assert done.stderr.count("\n") == 1
        assert "secret" not in done.stdout + done.stderr
