"""The views, their reader and the demo where analytics has a database of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

FOLDER = Path(__file__).parent
CHOSEN = (
    "../../demo/test_command.py::test_removal_takes_exactly_the_demo_and_the_reports_are_as_they_were",
    "test_bi_views.py::test_the_threshold_is_the_setting_from_migrate_on",
    "test_bi_views.py::test_the_schema_has_just_the_views_and_every_view_and_column_has_a_comment",
    "test_bi_views.py::test_freshness_says_until_when_the_views_know_what_was_stored",
    "test_reporting_role.py::test_it_reads_the_views_and_the_three_tables_and_nothing_else",
    "test_reporting_role.py::test_of_people_it_reads_nothing_in_their_database_either",
    "test_reporting_role.py::test_what_everybody_may_read_of_people_is_found_as_well",
    "test_reporting_role.py::test_a_bi_clients_eye_reads_the_views_and_reflects_them",
)


@pytest.mark.skipif("analytics" in settings.DATABASES, reason="these are the tests with two databases")
def test_views_and_reader_work_with_two_databases() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    tests = [str(FOLDER / name) for name in CHOSEN]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--ds=tests.settings_two_databases", *tests],
        cwd=FOLDER.parents[2],
        env=environment | {"DJANGO_SETTINGS_MODULE": "tests.settings_two_databases"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout
