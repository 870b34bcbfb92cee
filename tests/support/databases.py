"""Databases of a test's own, on the server of the tests."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
from django.db import connections
from psycopg import sql

ROOT = Path(__file__).parents[2]
ATTEMPTS, PAUSE_SECONDS = 100, 0.2


class Scratch:
    """A new, empty database. `url` is what DATABASE_URL would be; `name` its name."""

    def __init__(self, name: str) -> None:
        where = connections["default"].get_connection_params()
        self.name, self.host, self.user, self.password = name, where["host"], where["user"], where["password"]
        self.url = f"postgres://{self.user}:{quote(self.password, safe='')}@/{name}?host={quote(self.host)}"

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            dbname=self.name, host=self.host, user=self.user, password=self.password, autocommit=True
        )

    def manage(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """`manage.py` with these words, on this database; never raises."""
        return manage(*words, **{"DATABASE_URL": self.url, **environment})


def manage(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`manage.py` with these words, in an environment with nothing of this one's in it; never raises."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


def clean_environment(**environment: str) -> dict[str, str]:
    """What a process of the product needs, with `environment` on top; a developer's `.env` has no say in these."""
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "rhesis_site.settings",
        "DJANGO_HTTPS": "false",
        "SECRET_KEY": "a key for tests, long enough to be no warning: 0123456789",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        "DATABASE_URL": "embedded",
        "DEPLOYMENT_TYPE": "cloud",
        "OTEL_API_KEY": "",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "",
        "ANALYTICS_DATABASE_URL": "",
        "TELEMETRY_CATALOGUES": "",
        "TELEMETRY_STORED_HERE": "true",
        **environment,
    }


@contextmanager
def scratch_database(template: str = "template1") -> Iterator[Scratch]:
    """A new database, empty or a copy of `template`; dropped at the end, whoever is still connected to it."""
    scratch = Scratch(f"scratch_{uuid4().hex[:12]}")
    # Never by way of a transaction of the test's: databases are made outside of any.
    with psycopg.connect(
        dbname="postgres", host=scratch.host, user=scratch.user, password=scratch.password, autocommit=True
    ) as server:
        names = sql.Identifier(scratch.name), sql.Identifier(template)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        try:
            yield scratch
        finally:
            _drop(server, scratch.name)


def _drop(server: psycopg.Connection, name: str) -> None:
    """Refused while autovacuum, which is the superuser's, is at work in the database; that is soon over."""
    for attempt in range(ATTEMPTS):
        try:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            return
        except psycopg.errors.InsufficientPrivilege:
            if attempt + 1 == ATTEMPTS:
                raise
            time.sleep(PAUSE_SECONDS)
