"""Settings come from the environment; each variable is explained in `.env.example`; mistakes get a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rhesis_site import declared, dotenv
from rhesis_site.declared import AT_START, EVERY_SETTING, LIVE, OF_THE_APPS, unknown_variables
from rhesis_site.documents import documents
from tests.support.databases import scratch_database

ROOT = Path(__file__).resolve().parents[2]
NOTE_VARIABLES = {
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_SERVICE_NAME",
    "DEPLOYMENT_TYPE",
    "NEXT_PUBLIC_OTEL_ENDPOINT",
    "NEXT_PUBLIC_DEPLOYMENT_TYPE",
}


def manage(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "rhesis_site.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_file_made_from_the_declarations_is_up_to_date() -> None:
    stale = [path.name for path, text in documents().items() if path.read_text() != text]
    assert stale == [], "write them again: python -m rhesis_site.documents"


def test_every_setting_is_declared_once_with_a_number_of_its_own() -> None:
    names = [each.name for each in EVERY_SETTING]
    numbers = [each.number for each in EVERY_SETTING if each.number]
    assert len(names) == len(set(names)) and set(names) >= NOTE_VARIABLES
    assert len(numbers) == len(set(numbers))
    assert {each.name for each in (*AT_START, *LIVE, *OF_THE_APPS)} == set(names)


def test_what_nothing_reads_is_found_and_what_others_read_is_not() -> None:
    typos = {"OTEL_EXPORTER_OTLP_ENDPIONT", "OTEL_BSP_QUEUE", "TELEMETRY_HASHKEY", "SIGN_IN_FAILURES"}
    of_others = {"OTEL_TRACES_SAMPLER", "OTEL_PYTHON_FLASK_EXCLUDED_URLS", "DJANGO_SETTINGS_MODULE", "PATH"}
    ours = {each.name for each in EVERY_SETTING}
    assert unknown_variables(dict.fromkeys(typos | of_others | ours, "x")) == sorted(typos)


def test_the_example_reads_as_the_defaults() -> None:
    read = dotenv.read(ROOT / ".env.example")
    assert {each.name: each.default for each in EVERY_SETTING} == read


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"DJANGO_DEBUG": "perhaps"}, "DJANGO_DEBUG must be true or false"),
        ({"SECRET_KEY": "hidden-word\udcff"}, "site.E001: SECRET_KEY must be text in UTF-8"),
        ({"ALLOWED_HOSTS": "https://hidden-word"}, "site.E002: ALLOWED_HOSTS must contain only host names"),
        ({"ALLOWED_HOSTS": "a.example:8000"}, "ALLOWED_HOSTS must contain"),
        ({"ALLOWED_HOSTS": "a.example b.example"}, "ALLOWED_HOSTS must contain"),
        ({"ALLOWED_HOSTS": "'a.example'"}, "ALLOWED_HOSTS must contain"),
        ({"CSRF_TRUSTED_ORIGINS": "hidden-word"}, "site.E003: CSRF_TRUSTED_ORIGINS must contain origins"),
        ({"CSRF_TRUSTED_ORIGINS": "https://a.example/"}, "CSRF_TRUSTED_ORIGINS must contain origins"),
        ({"DJANGO_HTTPS": "2"}, "DJANGO_HTTPS must be true or false"),
        ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL must be a postgres:// address"),
        ({"DATABASE_URL": "postgres://me:hidden-word@[::1/x"}, "DATABASE_URL is no address"),
        ({"ANALYTICS_DATABASE_URL": "mysql://x"}, "ANALYTICS_DATABASE_URL must be"),
        ({"DATABASE_URL": "postgres://me:hidden-word@host"}, "DATABASE_URL names no database"),
        ({"DATABASE_URL": "postgres://me@host/x?hidden-word=1"}, "DATABASE_URL has an option"),
        ({"LOG_LEVEL": "hidden-word"}, "LOG_LEVEL must be one of"),
        ({"SIGN_IN_FAILURES_PER_ACCOUNT": "many"}, "accounts.E001: SIGN_IN_FAILURES_PER_ACCOUNT must be a rate"),
    ],
)
def test_a_mistake_that_keeps_the_site_from_starting_is_one_line_and_code_2(
    environment: dict[str, str], says: str
) -> None:
    outcome = manage("check", **environment)
    assert outcome.returncode == 2
    assert outcome.stderr.count("\n") == 1 and says in outcome.stderr and "hidden-word" not in outcome.stderr


def test_a_mistake_in_telemetry_is_a_numbered_check_error() -> None:
    outcome = manage("check", DEPLOYMENT_TYPE="clown", NEXT_PUBLIC_OTEL_ENDPOINT="http://[::1", TELEMETRY_HASH_KEY="x")
    assert outcome.returncode == 2 and "Traceback" not in outcome.stderr
    for number in ("privacy.E001", "analytics.E003", "analytics.E008"):
        assert number in outcome.stderr


def test_a_database_that_is_away_is_one_line_and_code_2() -> None:
    outcome = manage("migrate", DATABASE_URL="postgres://nobody:hidden-word@127.0.0.1:9/none")
    assert outcome.returncode == 2 and "the database cannot be used" in outcome.stderr
    assert "Traceback" not in outcome.stderr and "hidden-word" not in outcome.stderr


@pytest.mark.parametrize("command", ["disable_telemetry", "telemetry_decision", "erase_user_telemetry"])
def test_an_argument_that_is_no_text_is_one_line_and_code_2(command: str) -> None:
    outcome = manage(command, os.fsdecode(b"hidden-word\xff"))
    assert outcome.returncode == 2
    assert outcome.stderr.count("\n") == 1 and "hidden-word" not in outcome.stderr


def test_a_command_that_there_is_not_is_code_2() -> None:
    outcome = manage("disable_telemtry", "jane")
    assert outcome.returncode == 2 and "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["disable_telemetry", "jane"],
        ["telemetry_decision", "jane"],
        ["create_demo_people", "--credentials", "/dev/null", "--url", "http://127.0.0.1"],
    ],
    ids=lambda words: words[0],
)
@pytest.mark.django_db
def test_a_database_without_our_tables_is_one_line_and_code_2(words: list[str]) -> None:
    with scratch_database() as empty:
        outcome = empty.manage(*words)
    assert (outcome.returncode, outcome.stderr) == (2, "tables are missing; run manage.py migrate first\n")


def test_the_owners_top_level_is_kept() -> None:
    for name in ("manage.py", "rhesis_site", "privacy", "analytics", "templates", "requirements.txt", "tests"):
        assert (ROOT / name).exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 25, False, False, "", "")),
        ("smtp+tls://me:p%40ss@mail.example", ("mail.example", 587, True, False, "me", "p@ss")),
        ("smtps://me@10.0.0.1:2465/", ("10.0.0.1", 2465, False, True, "me", "")),
    ],
)
def test_a_mail_server_is_one_address(text: str, expected: tuple[str | int, ...]) -> None:
    found = declared.mail_server(text)
    names = ("HOST", "PORT", "USE_TLS", "USE_SSL", "HOST_USER", "HOST_PASSWORD")
    assert tuple(found[f"EMAIL_{name}"] for name in names) == expected


@pytest.mark.parametrize(
    "text", ["mail.example", "http://mail.example", "smtp://", "smtp://h:99999", "smtp://h/x", "smtp://me:hidden@/"]
)
def test_an_address_of_no_mail_server_is_a_numbered_error_without_the_address(text: str) -> None:
    problem = declared.EMAIL_URL.problem({"EMAIL_URL": text}.get)
    assert problem is not None and problem.startswith("EMAIL_URL must be smtp://host:port") and "hidden" not in problem
