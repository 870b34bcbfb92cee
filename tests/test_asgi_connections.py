"""Connections to the database under a real ASGI server: a handful, however many requests there were."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from tests.acceptance.product import free_port, wait_until
from tests.support.databases import ROOT, Scratch, clean_environment, scratch_database

STATUS = "/api/users/telemetry/status"
PASSWORD = "a password of some length"
MAKE_PERSON = f"from accounts.models import User; User.objects.create_user('person', password={PASSWORD!r})"
LARGEST_POOL = 10


@pytest.fixture
def database(django_db_setup: None) -> Iterator[Scratch]:
    with scratch_database() as scratch:
        assert scratch.manage("migrate", "-v0").returncode == 0
        assert scratch.manage("shell", "-c", MAKE_PERSON).returncode == 0
        yield scratch


@contextmanager
def uvicorn(database: Scratch) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "rhesis_site.asgi:application", f"--port={port}", "--log-level=error"]
    process = subprocess.Popen(command, cwd=ROOT, env=clean_environment(DATABASE_URL=database.url))
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None
        try:
            return requests.get(f"{url}/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    try:
        wait_until("uvicorn", answers)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def connections(database: Scratch) -> int:
    with database.connect() as own:
        row = own.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_many_requests_under_asgi_share_a_handful_of_connections(database: Scratch) -> None:
    with uvicorn(database) as url, requests.Session() as client:
        signed_in = client.post(f"{url}/api/auth/login", json={"username": "person", "password": PASSWORD}, timeout=60)
        client.headers["Authorization"] = f"Bearer {signed_in.json()['session_token']}"
        for _ in range(300):
            assert client.get(url + STATUS, timeout=60).status_code == 200
        assert connections(database) <= 3
        with ThreadPoolExecutor(40) as threads:
            headers = dict(client.headers)
            at_once = [threads.submit(requests.get, url + STATUS, headers=headers, timeout=60) for _ in range(120)]
        assert {answer.result().status_code for answer in at_once} == {200}
        assert connections(database) <= LARGEST_POOL
