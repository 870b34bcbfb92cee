"""Servers that people run Django with: twenty requests are twenty rows, also if the server ends right after them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
from knox.models import AuthToken

from analytics.ingest.serve import Processor
from analytics.models import EndpointUsage
from tests.acceptance.product import free_port, wait_until
from tests.analytics.keep.conftest import conninfo
from tests.deploy.test_gunicorn import STATUS, database_url
from tests.support.people import alias_of, someone_who_shares

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]
REQUESTS = 20
GUNICORN = "-m gunicorn rhesis_site.wsgi --config /dev/null --workers 2 --bind 127.0.0.1:{port}"
UWSGI = "--module rhesis_site.wsgi --master --die-on-term --enable-threads --processes 2 --http-socket 127.0.0.1:{port}"
UVICORN = "-m uvicorn rhesis_site.asgi:application --port {port}"
SERVERS = {
    "gunicorn": GUNICORN,
    "gunicorn, code loaded before the fork": f"{GUNICORN} --preload",
    "gunicorn with threads": f"{GUNICORN} --worker-class gthread --threads 4",
    "gunicorn with gevent": f"{GUNICORN} --worker-class gevent",
    "uwsgi": f"uwsgi {UWSGI}",
    "uwsgi, code loaded after the fork": f"uwsgi {UWSGI} --lazy-apps",
    "uwsgi with threads": f"uwsgi {UWSGI} --threads 4",
    "uvicorn": UVICORN,
    "uvicorn with workers": f"{UVICORN} --workers 2",
    "daphne": "-m daphne --bind 127.0.0.1 --port {port} rhesis_site.asgi:application",
}


# What is queued when its workers end is lost; see analytics.collect.ends.
SENDS_SOON = {server for server in SERVERS if server.startswith("uwsgi")}


@contextmanager
def serving(server: str, port: int, processor_port: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    program, *options = SERVERS[server].format(port=port).split()
    programs = [sys.executable, program] if program == "-m" else [str(Path(sys.executable).with_name(program))]
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": os.environ["SECRET_KEY"],
        "DATABASE_URL": database_url(),
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_HTTPS": "false",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{processor_port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_BSP_SCHEDULE_DELAY": "200" if server in SENDS_SOON else "86400000",
        "no_proxy": "127.0.0.1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*programs, *options],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1).status_code == 200
    except requests.RequestException:
        return False


@pytest.mark.parametrize("server", SERVERS)
def test_every_request_is_a_row(server: str, tmp_path: Path) -> None:
    person = someone_who_shares()
    headers = {"Authorization": f"Bearer {AuthToken.objects.create(user=person)[1]}"}
    processor = Processor("127.0.0.1:0", conninfo())
    processor.start()
    port, log = free_port(), tmp_path / "server.log"
    rows = EndpointUsage.objects.filter(user_id=alias_of(person), endpoint=STATUS)

    def visit(_: int) -> int:
        return requests.get(f"http://127.0.0.1:{port}{STATUS}", headers=headers, timeout=60).status_code

    try:
        with serving(server, port, processor.port, log) as process:
            wait_until("the server", lambda: process.poll() is not None or answers(port))
            with ThreadPoolExecutor(4) as visitors:
                assert set(visitors.map(visit, range(REQUESTS))) == {200}, log.read_text()
            if server in SENDS_SOON:
                wait_until("the rows", lambda: rows.count() == REQUESTS)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    finally:
        processor.stop()
    assert rows.count() == REQUESTS, log.read_text()
    said = log.read_text()
    assert "Traceback" not in said
    assert ("uWSGI ends is lost" in said) is (server in SENDS_SOON)
