"""The image's own command, with two workers forked from one that has loaded the code, beside a real processor."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from django.db import connections
from knox.models import AuthToken

from analytics.ingest.serve import Processor
from analytics.models import EndpointUsage
from tests.acceptance.product import free_port, wait_until
from tests.analytics.keep.conftest import conninfo
from tests.deploy.image import command
from tests.support.people import alias_of, someone_who_shares

pytestmark = pytest.mark.django_db(transaction=True)

STATUS = "/api/users/telemetry/status"
WORKERS = 2


def database_url() -> str:
    """The tests' database. It listens on a socket in a directory, which is no host that a URL could name."""
    parameters = connections["default"].get_connection_params()
    user, password = (quote(str(parameters[name]), safe="") for name in ("user", "password"))
    return f"postgres://{user}:{password}@/{parameters['dbname']}?host={quote(str(parameters['host']), safe='')}"


@contextmanager
def running(
    image: Path, log: Path, processor_port: int, **variables: str
) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The site with further `variables`; its port and the process that forks the workers."""
    port = free_port()
    program, *options = command()
    assert program == "gunicorn"
    options[options.index("--bind") + 1] = f"127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": os.environ["SECRET_KEY"],
        "DATABASE_URL": database_url(),
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_HTTPS": "false",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{processor_port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "WEB_CONCURRENCY": str(WORKERS),
        "no_proxy": "127.0.0.1",
        **variables,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options],
            cwd=image,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until("the site", lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None, log.read_text()
        yield port, process
    finally:
        for worker in workers_of(process.pid):
            os.kill(worker, signal.SIGCONT)
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        answer = requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1)
    except requests.RequestException:
        return False
    return answer.status_code == 200 and answer.text == "ok\n"


def workers_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_telemetry_arrives_from_every_forked_worker(image: Path, tmp_path: Path) -> None:
    """One worker is frozen while the other answers, and the other way round, so that both are known to have."""
    person = someone_who_shares()
    token = AuthToken.objects.create(user=person)[1]
    processor = Processor("127.0.0.1:0", conninfo())
    processor.start()
    log = tmp_path / "site.log"
    try:
        with running(image, log, processor.port) as (port, process):
            both = wait_until(
                "both workers", lambda: found if len(found := workers_of(process.pid)) == WORKERS else None
            )
            for number, frozen in enumerate(both, start=1):
                os.kill(frozen, signal.SIGSTOP)
                wait_until("it to be frozen", lambda: stopped(frozen))  # noqa: B023  waited for at once
                answer = requests.get(
                    f"http://127.0.0.1:{port}{STATUS}", headers={"Authorization": f"Bearer {token}"}, timeout=60
                )
                assert answer.status_code == 200, log.read_text()
                assert answer.json() == {"telemetry_enabled": True, "user_id": str(person.pk)}
                stored = EndpointUsage.objects.filter(user_id=alias_of(person))
                wait_until("its row", lambda: stored.count() == number)  # noqa: B023
                os.kill(frozen, signal.SIGCONT)
            process.terminate()
            assert process.wait(30) == 0
    finally:
        processor.stop()
    assert {row.endpoint for row in EndpointUsage.objects.all()} == {STATUS}
    said = log.read_text()
    assert "Traceback" not in said and token not in said


def test_health_is_answered_without_a_database(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.deploy.test_gunicorn.database_url", lambda: "postgres://nobody:nothing@127.0.0.1:1/none")
    with running(image, tmp_path / "site.log", processor_port=1) as (port, _):
        assert _answers(port)
