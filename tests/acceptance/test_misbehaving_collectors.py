"""The site beside a collector that refuses, hangs or takes ten seconds; and with telemetry off, where there is none."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from tests.acceptance.product import copy_of_the_tree, free_port, wait_until

pytestmark = pytest.mark.acceptance
MAY_TAKE_TO_END_SECONDS = 5
SLOW_SECONDS = 10
MAKE_A_TOKEN = """
import django
django.setup()
from knox.models import AuthToken
from accounts.models import User
from privacy import choices
from privacy.models import Source
person = User.objects.create_user("someone")
choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
print(AuthToken.objects.create(user=person)[1])
"""
STATUS = "/api/users/telemetry/status"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Path, str]":
    """A tree with a database, and the token of someone who shares."""
    tree = copy_of_the_tree(tmp_path_factory.mktemp("site"))
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=tree, env=environment(), check=True)
    made = subprocess.run(
        [sys.executable, "-c", MAKE_A_TOKEN], cwd=tree, env=environment(), check=True, capture_output=True, text=True
    )
    return tree, made.stdout.strip()


def environment(**more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "DJANGO_", "TELEMETRY_", "NEXT_PUBLIC_"))
        and name not in {"DATABASE_URL", "SECRET_KEY", "DEPLOYMENT_TYPE", "DO_NOT_TRACK"}
    }
    ours = {"DATABASE_URL": "embedded", "DJANGO_SETTINGS_MODULE": "rhesis_site.settings", "DJANGO_HTTPS": "false"}
    return {**kept, **ours, **more}


@contextmanager
def refuses() -> Iterator[int]:
    yield free_port()


@contextmanager
def hangs() -> Iterator[int]:
    """Takes connections, and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=100)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def is_slow_over_http() -> Iterator[int]:
    stopping = threading.Event()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            stopping.wait(SLOW_SECONDS)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()


@contextmanager
def is_slow_over_grpc() -> Iterator[int]:
    stopping = threading.Event()

    class Slow(TraceServiceServicer):
        def Export(self, request: object, context: object) -> ExportTraceServiceResponse:  # noqa: N802
            stopping.wait(SLOW_SECONDS)
            return ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(4))
    add_TraceServiceServicer_to_server(Slow(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        stopping.set()
        server.stop(0).wait()


COLLECTORS: list[tuple[str, Callable[[], "object"]]] = [
    ("grpc", refuses),
    ("grpc", hangs),
    ("grpc", is_slow_over_grpc),
    ("http/protobuf", refuses),
    ("http/protobuf", hangs),
    ("http/protobuf", is_slow_over_http),
]


@pytest.mark.parametrize(("protocol", "collector"), COLLECTORS)
def test_requests_succeed_and_the_process_ends_in_time(
    protocol: str, collector: Callable[[], "object"], site: "tuple[Path, str]", tmp_path: Path
) -> None:
    tree, token = site
    port = free_port()
    log = tmp_path / "site.log"
    with collector() as collector_port, log.open("wb") as output:  # type: ignore[attr-defined]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "rhesis_site.wsgi", f"--bind=127.0.0.1:{port}", "--threads=4"),
                *("--graceful-timeout=4", "--no-control-socket"),
            ],
            cwd=tree,
            env=environment(
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector_port}",
                OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                OTEL_BSP_SCHEDULE_DELAY="200",
            ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until("the site", lambda: _answers(port))
            # An export is under way, and more is queued behind it, when it is asked to end.
            for _ in range(30):
                answer = requests.get(
                    f"http://127.0.0.1:{port}{STATUS}", headers={"Authorization": f"Bearer {token}"}, timeout=10
                )
                assert answer.status_code == 200 and answer.json()["telemetry_enabled"] is True
                time.sleep(0.03)
            process.send_signal(signal.SIGTERM)
            assert process.wait(MAY_TAKE_TO_END_SECONDS) == 0
        finally:
            process.kill()
            process.wait()
    said = log.read_text()
    assert "Traceback" not in said and "Internal Server Error" not in said and token not in said


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1).status_code == 200
    except requests.RequestException:
        return False


LOOK_AT_ONESELF = f"""
import json, os, sys, threading
from pathlib import Path
import django
django.setup()
from django.test import Client
client = Client(headers={{"Authorization": "Bearer " + sys.argv[1], "Host": "localhost"}})
for _ in range(20):
    answer = client.get("{STATUS}")
    assert answer.status_code == 200, answer
from accounts.models import User
from analytics import telemetry_for, track_feature_usage
with telemetry_for(User.objects.get(username="someone")):
    track_feature_usage("test_run", "created", test_count=1)
opened = [Path("/proc/self/fd") / number for number in os.listdir("/proc/self/fd")]
links = [os.readlink(each) for each in opened if each.is_symlink()]
inodes = {{link[8:-1] for link in links if link.startswith("socket:[")}}
internet = [line.split()[9] for name in ("tcp", "tcp6", "udp", "udp6")
            for line in Path(f"/proc/self/net/{{name}}").read_text().splitlines()[1:]]
print(json.dumps({{
    "enabled": answer.json()["telemetry_enabled"],
    "threads": [thread.name for thread in threading.enumerate()],
    "sockets": len(inodes & set(internet)),
    "files": [link for link in links if link.startswith(os.getcwd()) and "/postgres/" not in link],
}}))
"""


def looks(site: "tuple[Path, str]", **settings: str) -> "dict[str, object]":
    tree, token = site
    outcome = subprocess.run(
        [sys.executable, "-c", LOOK_AT_ONESELF, token],
        cwd=tree,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    found: dict[str, object] = json.loads(outcome.stdout)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_PYTHON_DJANGO_INSTRUMENT": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "DO_NOT_TRACK": "1"},
    ],
)
def test_switched_off_there_is_no_thread_no_socket_and_no_file(
    settings: dict[str, str], site: "tuple[Path, str]"
) -> None:
    found = looks(site, **settings)
    assert found == {"enabled": False, "threads": ["MainThread"], "sockets": 0, "files": []}


def test_and_switched_on_there_is_a_thread_so_the_look_above_would_see_one(site: "tuple[Path, str]") -> None:
    found = looks(site, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert found["enabled"] is True and found["threads"] == ["MainThread", "OtelBatchSpanRecordProcessor"]
