"""The same tests where analytics has a database of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parents[1]
# One of each kind; how the two databases come in differs by kind, not by case.
CHOSEN = (
    "keep/test_calendar.py::test_a_day_begins_at_midnight_utc_in_every_zone",
    "erasure/test_here.py::test_the_command_prints_a_receipt_and_corrects_the_rollups",
    "erasure/test_here.py::test_replay_destroys_salts_that_only_a_saved_log_knows_to_be_erased",
    "erasure/test_here.py::test_a_deletion_for_which_telemetrys_database_was_away_is_carried_out_by_keep_telemetry",
    "erasure/test_here.py::test_where_rows_live_elsewhere_replay_leaves_what_is_pending_pending",
    "keep/test_commands.py::test_keep_does_all_of_it_in_order",
    "keep/test_commands.py::test_two_at_once_are_refused",
    "keep/test_commands.py::test_a_database_that_goes_away_half_way_is_one_line_and_the_next_run_finishes",
    "keep/test_partitions.py",
    "keep/test_purge.py::test_months_left_detached_or_half_detached_go_with_the_next_purge",
    "keep/test_purge.py::test_a_purge_loses_no_row_inside_the_window_and_holds_no_insert_up",
    "erasure/test_correction.py::test_after_a_request_on_the_page_the_reports_are_corrected_and_the_page_says_so",
    "erasure/test_correction.py::test_corrected_reports_are_those_of_a_world_in_which_they_never_were",
    "keep/test_marks.py::test_a_row_that_came_with_no_mark_of_its_own_is_counted",
    "erasure/test_elsewhere.py::test_a_request_is_repeated_until_a_processor_takes_it_and_there_it_is_honoured",
    "keep/test_kill.py::test_of_two_processes_at_once_one_is_refused_and_everything_is_done",
    "keep/test_clocks.py::test_closed_days_whose_rows_are_kept_are_opened_again_and_come_to_the_same",
)


@pytest.mark.skipif("analytics" in settings.DATABASES, reason="these are the tests with two databases")
def test_all_of_keeping_works_with_two_databases() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    environment |= {"DJANGO_SETTINGS_MODULE": "tests.settings_two_databases"}
    chosen = [str(FOLDER / name) for name in CHOSEN]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--ds=tests.settings_two_databases", *chosen],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout
