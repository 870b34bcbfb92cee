"""What does for a laptop is refused where it would serve others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rhesis_site import dotenv
from rhesis_site.declared import HSTS, HSTS_SECONDS
from tests.support.databases import clean_environment

ROOT = Path(__file__).resolve().parents[2]
# `check` reaches no database, so there need be none.
ADDRESS = "postgres://rhesis:p%24%26w@db.example/rhesis?sslmode=prefer&connect_timeout=5"
LAPTOP = {"DATABASE_URL": "", "SECRET_KEY": "", "ALLOWED_HOSTS": "", "DJANGO_HTTPS": "", "OTEL_API_KEY": ""}
LONG = "a long random text that is made for this test alone: 0123456789"


def python(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "sign",
    [
        {"ALLOWED_HOSTS": "telemetry.example.org"},
        {"ALLOWED_HOSTS": "localhost,.example.org"},
        {"DJANGO_HTTPS": "true"},
        {"DJANGO_BEHIND_PROXY": "true"},
        {"TELEMETRY_HASH_KEY": LONG},
        {"CSRF_TRUSTED_ORIGINS": "https://telemetry.example.org"},
        {"ANALYTICS_DATABASE_URL": ADDRESS},
    ],
    ids=" ".join,
)
def test_a_deployment_without_a_database_is_refused_by_every_command(sign: dict[str, str]) -> None:
    outcome = python("manage.py", "check", **{**LAPTOP, **sign})
    assert outcome.returncode == 2 and outcome.stderr.count("\n") == 1, outcome.stderr
    for said in ("site.E013", "DATABASE_URL", next(iter(sign)), "single quotes"):
        assert said in outcome.stderr
    assert "p%24" not in outcome.stderr


def test_check_for_deployments_is_not_content_with_the_embedded_database() -> None:
    outcome = python("manage.py", "check", "--deploy", **LAPTOP)
    assert outcome.returncode == 2 and "site.E013" in outcome.stderr
    assert "site.E013" not in python("manage.py", "check", **LAPTOP).stderr, "a laptop may use it"


@pytest.mark.parametrize("module", ["rhesis_site.wsgi", "rhesis_site.asgi"])
def test_a_server_refuses_to_start_on_the_embedded_database_unless_it_was_asked_for(module: str) -> None:
    refused = python("-c", f"import {module}", **LAPTOP)
    assert refused.returncode != 0 and "site.E013" in refused.stderr
    for allowed in ({"DATABASE_URL": "embedded"}, {"DJANGO_DEBUG": "true"}, {"DATABASE_URL": ADDRESS}):
        started = python("-c", f"import {module}", **{**LAPTOP, **allowed})
        assert started.returncode == 0, started.stderr


@pytest.mark.parametrize(
    ("written", "is_whole"),
    [(ADDRESS, False), (f"'{ADDRESS}'", True), (f'"{ADDRESS}"', True)],
    ids=str,
)
def test_a_file_that_a_shell_reads_gives_the_address_whole_or_the_deployment_is_refused(
    tmp_path: Path, written: str, is_whole: bool
) -> None:
    file = tmp_path / "environment"
    file.write_text(f"ALLOWED_HOSTS=telemetry.example.org\nDATABASE_URL={written}\n")
    assert dotenv.read(file)["DATABASE_URL"] == ADDRESS, "our own reader takes it as written"
    printing = "from django.conf import settings; d = settings.DATABASES['default']; print(d['HOST'], d['OPTIONS'])"
    script = f'set -a; . "{file}"; set +a; exec "{sys.executable}" manage.py shell -c "{printing}"'
    environment = {"PATH": os.environ["PATH"], "DJANGO_HTTPS": "false", "SECRET_KEY": LONG}
    outcome = subprocess.run(
        ["sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if is_whole:
        assert outcome.returncode == 0, outcome.stderr
        assert "db.example" in outcome.stdout and "'connect_timeout': 5" in outcome.stdout
    else:
        assert outcome.returncode == 2 and "site.E013" in outcome.stderr, outcome.stderr


def test_one_database_under_two_names_is_refused() -> None:
    outcome = python("manage.py", "check", DATABASE_URL=ADDRESS, ANALYTICS_DATABASE_URL=ADDRESS)
    assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1) and "site.E014" in outcome.stderr
    other = ADDRESS.replace("/rhesis?", "/telemetry?")
    assert python("manage.py", "check", DATABASE_URL=ADDRESS, ANALYTICS_DATABASE_URL=other).returncode == 0


@pytest.mark.parametrize("name", ["ANALYTICS_DATABASE_URL"])
def test_the_embedded_database_is_one(name: str) -> None:
    assert "site.E009" in python("manage.py", "check", **{name: "embedded"}).stderr


HEADER = """
from django.test import Client
print(Client().get("/healthz", secure=True).headers.get("Strict-Transport-Security"))
"""


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({}, "max-age=31536000"),
        ({HSTS_SECONDS.name: "3600"}, "max-age=3600"),
        ({HSTS.name: "subdomains"}, "max-age=31536000; includeSubDomains"),
        ({HSTS.name: "Preload"}, "max-age=31536000; includeSubDomains; preload"),
        ({HSTS.name: "off"}, "None"),
        ({"DJANGO_HTTPS": "false", HSTS.name: "preload"}, "None"),
    ],
    ids=str,
)
def test_hsts_covers_only_the_sites_own_name_by_default(environment: dict[str, str], header: str) -> None:
    script = f"import django; django.setup()\n{HEADER}"
    outcome = python("-c", script, **{"DJANGO_HTTPS": "true", **environment})
    assert outcome.stdout.strip() == header, outcome.stderr


@pytest.mark.parametrize(
    ("environment", "number"),
    [
        ({HSTS.name: "all"}, "site.E011"),
        ({HSTS_SECONDS.name: "0"}, "site.E012"),
        ({HSTS_SECONDS.name: "a year"}, "site.E012"),
        ({HSTS.name: "preload", HSTS_SECONDS.name: "86400"}, "site.E015"),
    ],
    ids=str,
)
def test_what_browsers_cannot_be_told_is_a_numbered_error(environment: dict[str, str], number: str) -> None:
    outcome = python("manage.py", "check", **environment)
    assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1) and number in outcome.stderr


def test_check_for_deployments_asks_nobody_to_speak_for_other_names() -> None:
    outcome = python(
        "manage.py",
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        DATABASE_URL=ADDRESS,
        SECRET_KEY=LONG + LONG[::-1],
        DJANGO_HTTPS="true",
        ALLOWED_HOSTS="telemetry.example.org",
    )
    assert outcome.returncode == 0, outcome.stderr
