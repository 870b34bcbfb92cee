"""The command as a process of its own, writing to the tests' database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from psycopg.conninfo import conninfo_to_dict

from analytics.router import conninfo

ROOT = Path(__file__).parents[3]


def database_url() -> str:
    known = {name: quote(str(value or ""), safe="") for name, value in conninfo_to_dict(conninfo()).items()}
    return f"postgresql://{known['user']}:{known.get('password', '')}@/{known['dbname']}?host={known['host']}" + (
        f"&port={known['port']}" if known.get("port") else ""
    )


def command(*words: str, **environment: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    """`run_telemetry_processor` with these words; killed at the end if it still runs."""
    return program("manage.py", "run_telemetry_processor", *words, **environment)


@contextmanager
def program(*words: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Python with these words, and settings that write to the tests' database."""
    process = subprocess.Popen(
        [sys.executable, "-u", *words],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": environment.get("DATABASE_URL") or database_url(),
            "DJANGO_SETTINGS_MODULE": "rhesis_site.settings",
            "SECRET_KEY": "a key for tests, long enough to be no warning: 0123456789",
            "ALLOWED_HOSTS": "localhost",
            "OTEL_API_KEY": "",
            "ANALYTICS_DATABASE_URL": "",
            "TELEMETRY_CATALOGUES": "",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def serves(port: int) -> bool:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def workers_of(process: "subprocess.Popen[str]") -> list[int]:
    """The process ids of its children."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in listed.split()]
