"""The product as a user starts it: `python3 dev.py run`, in a copy of the tree, on free ports."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import requests
from psycopg.rows import dict_row

from embedded_postgres.server import connection_url

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0
Answer = TypeVar("Answer")
TABLES = ("analytics_user_activity", "analytics_endpoint_usage", "analytics_feature_usage")


# Below the range from which Linux chooses ports of outgoing connections, which would be in use again by the time.
PORTS = range(14_000, 32_000)
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_share = PORTS[WORKER::WORKERS]
# Another run on this machine begins elsewhere.
_ports = islice(cycle(_share), os.getpid() * 61 % len(_share), None)


def free_port() -> int:
    """A port for a server that is started later. No other worker of this run has it, and no other call."""
    for port in _ports:
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is no port")


def wait_until(what: str, ask: Callable[[], Answer | None]) -> Answer:
    """The first true answer of `ask`. Fails, naming `what`, when none has come for two minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


def copy_of_the_tree(to: Path) -> Path:
    """What a clone would hold, with this environment's packages."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    (to / ".venv").symlink_to(sys.prefix)
    for built in ("frontend/node_modules", "frontend/dist"):
        if (ROOT / built).is_dir():
            shutil.copytree(ROOT / built, to / built, symlinks=True)
    return to


@dataclass
class Product:
    """A running product. `rows(table)` are the table's rows as dictionaries, oldest first."""

    url: str
    processor_port: int
    tree: Path
    process: "subprocess.Popen[str]"
    output: list[str]

    @property
    def people(self) -> dict[bool, dict[str, Any]]:
        """The demo person under False, the staff person under True."""
        credentials = json.loads((self.tree / ".local/credentials.json").read_text())
        return {user["is_staff"]: user for user in credentials["users"]}

    def rows(self, table: str) -> list[dict[str, Any]]:
        url = connection_url(self.tree / ".local/postgres")
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return connection.execute(f'SELECT * FROM {table} ORDER BY "timestamp", id').fetchall()  # type: ignore[arg-type]

    def database_users(self) -> set[str]:
        """Roles that are connected to the database now, but the owner's, which is this test's too."""
        with psycopg.connect(connection_url(self.tree / ".local/postgres")) as connection:
            users = connection.execute("SELECT usename FROM pg_stat_activity WHERE usename <> current_user").fetchall()
        return {name for (name,) in users}

    def all_rows(self) -> list[dict[str, Any]]:
        return [row for table in TABLES for row in self.rows(table)]

    def token_client(self, *, staff: bool) -> requests.Session:
        """A program that has signed in with the API."""
        person, client = self.people[staff], requests.Session()
        answer = client.post(
            f"{self.url}/api/auth/login", json={"username": person["username"], "password": person["password"]}
        )
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['session_token']}"
        return client

    def browser(self, *, staff: bool) -> requests.Session:
        """A browser, in as much as cookies and forms make one, that has signed in on the page."""
        person, client = self.people[staff], requests.Session()
        client.headers["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"  # as a browser that navigates says
        client.get(f"{self.url}/sign-in/").raise_for_status()
        answer = self.submit(
            client, "/sign-in/", username=person["username"], password=person["password"], page="/sign-in/"
        )
        assert answer.status_code == 200 and "sessionid" in client.cookies, answer.status_code
        return client

    def submit(self, client: requests.Session, path: str, *, page: str, **fields: str) -> requests.Response:
        """Send a form found on `page` to `path`."""
        return client.post(
            f"{self.url}{path}",
            data={**fields, "csrfmiddlewaretoken": client.cookies["csrftoken"]},
            headers={"Referer": f"{self.url}{page}"},
        )


@contextmanager
def running_product(tree: Path, command: str = "run", *options: str, **environment: str) -> Iterator[Product]:
    """Start it with `dev.py COMMAND` and wait for `ready`; at the end stop it as a user does and see that it went in
    peace."""
    port = free_port()
    processor_port = int(environment.pop("processor_port", "") or free_port())
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "DJANGO_", "TELEMETRY_", "NEXT_PUBLIC_"))
        and name not in {"DATABASE_URL", "SECRET_KEY", "DEPLOYMENT_TYPE", "DO_NOT_TRACK", "PYTEST_CURRENT_TEST"}
    }
    process = subprocess.Popen(
        [sys.executable, "dev.py", command, "--port", str(port), "--processor-port", str(processor_port), *options],
        cwd=tree,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output: list[str] = []
    reader = threading.Thread(target=_read, args=(process, output), daemon=True)
    reader.start()

    def ready() -> bool:
        assert process.poll() is None, "".join(output)
        return any(line.strip() == "ready" for line in output)

    try:
        wait_until(f"`ready` from dev.py {command}, which said: {output}", ready)
        yield Product(f"http://127.0.0.1:{port}", processor_port, tree, process, output)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0, "".join(output)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(timeout=10)


def _read(process: "subprocess.Popen[str]", output: list[str]) -> None:
    assert process.stdout is not None
    output.extend(iter(process.stdout.readline, ""))
