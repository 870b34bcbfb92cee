"""A wrong setting: commands end with code 2 and the numbers; a server, which never runs `check`, logs them at start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRONG = {"DEPLOYMENT_TYPE": "clown", "OTEL_EXPORTER_OTLP_HEADERS": "hidden-word"}
NUMBERS = ("privacy.E001", "analytics.E006")


def python(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "rhesis_site.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["migrate"],
        ["keep_telemetry"],
        ["disable_telemetry", "somebody"],
        ["run_telemetry_processor"],
        ["runserver", "--noreload"],
    ],
    ids=" ".join,
)
def test_every_command_lists_the_numbers_and_ends_with_code_2(command: list[str]) -> None:
    outcome = python("manage.py", *command, **WRONG)
    assert outcome.returncode == 2 and "Traceback" not in outcome.stderr
    assert all(number in outcome.stderr for number in NUMBERS) and "hidden-word" not in outcome.stderr


@pytest.mark.parametrize(("limit", "code"), [("many", 2), ("-1", 2), ("", 0), ("64", 0)])
def test_a_limit_that_keeps_the_sdk_from_loading_is_one_numbered_line(limit: str, code: int) -> None:
    outcome = python("manage.py", "check", OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=limit)
    assert outcome.returncode == code, outcome.stderr
    assert outcome.stderr.count("\n") == (1 if code else 0) and ("analytics.E042" in outcome.stderr) is bool(code)


@pytest.mark.parametrize("name", ["OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS"])
def test_patterns_of_excluded_addresses_that_are_none_are_one_numbered_line(name: str) -> None:
    stock = {"OTEL_PYTHON_DJANGO_INSTRUMENT": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    outcome = python("manage.py", "check", **stock, **{name: "healthz,hidden-word("})
    assert outcome.returncode == 2 and outcome.stderr.count("\n") == 1, outcome.stderr
    assert "analytics.E043" in outcome.stderr and "hidden-word" not in outcome.stderr


def test_the_processor_measures_itself_whatever_provider_the_host_names() -> None:
    importing = "import analytics.ingest.metrics as m; m.spans.add(1)"
    outcome = python("-c", importing, OTEL_PYTHON_METER_PROVIDER="hidden-word")
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["telemetry_decision"], "required: user"),
        (["disable_telemetry", "a", "another"], "unrecognized arguments"),
        (["keep_telemetry", "--nonsense"], "unrecognized arguments"),
        (["create_demo_people"], "required: --credentials, --url"),
        (["grant_reporting_access"], "required: role"),
    ],
)
def test_a_mistake_in_the_command_line_is_one_line_and_code_2(command: list[str], says: str) -> None:
    outcome = python("manage.py", *command)
    assert outcome.returncode == 2 and outcome.stderr.count("\n") == 1 and says in outcome.stderr


def test_settings_that_there_are_not_are_one_line_and_code_2() -> None:
    outcome = python("manage.py", "check", DJANGO_SETTINGS_MODULE="nowhere.settings")
    assert outcome.returncode == 2 and outcome.stderr.count("\n") == 1 and "DJANGO_SETTINGS_MODULE" in outcome.stderr


@pytest.mark.parametrize("module", ["rhesis_site.wsgi", "rhesis_site.asgi"])
def test_a_server_logs_the_numbers_as_it_starts(module: str) -> None:
    outcome = python("-c", f"import {module}", **WRONG)
    assert outcome.returncode == 0
    for number in NUMBERS:
        assert outcome.stderr.count(number) == 1, outcome.stderr
    assert "ERROR" in outcome.stderr and "hidden-word" not in outcome.stderr


def test_a_server_with_right_settings_logs_no_number_as_it_starts() -> None:
    outcome = python("-c", "import rhesis_site.wsgi", DEPLOYMENT_TYPE="cloud")
    assert outcome.returncode == 0
    assert re.findall(r"\w+\.[EW]\d{3}", outcome.stderr) == []
