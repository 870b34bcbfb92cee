"""What the servers write about requests that they cannot read: none of what was in them, whatever the level."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.acceptance.product import ROOT, free_port, wait_until

SERVERS = {
    "gunicorn": ["gunicorn", "rhesis_site.wsgi", "--log-level=debug", "--access-logfile=-", "--no-control-socket"],
    "gunicorn as deployed": ["gunicorn", "--config=deploy/gunicorn.conf.py", "--log-level=debug", "rhesis_site.wsgi"],
    "uvicorn": ["uvicorn", "rhesis_site.asgi:application", "--log-level=trace"],
}


@contextmanager
def serving(server: str, log: Path) -> Iterator[int]:
    """The site with no database behind it, which makes every page an error; its port."""
    port = free_port()
    address = [f"--port={port}"] if server == "uvicorn" else [f"--bind=127.0.0.1:{port}"]
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "a key for tests, long enough to be no warning: 0123456789",
        "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/none",
        "DJANGO_HTTPS": "false",
        "LOG_LEVEL": "DEBUG",
        "PYTHONWARNINGS": "always",
        "no_proxy": "127.0.0.1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *SERVERS[server], *address],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until("the site", lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None, log.read_text()
        yield port
        process.terminate()
        process.wait(60)
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def send(port: int, request: bytes) -> None:
    """Bytes as they are; whatever comes back, until the server has closed or has nothing more to say."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        try:
            while connection.recv(65536):
                pass
        except OSError:
            pass  # closed in the middle is an answer, too


def requests_with(word: bytes) -> list[bytes]:
    """A word of a person's in every place that a request has."""
    host = b"Host: 127.0.0.1\r\nConnection: close\r\n"
    mail = word + b"@EXAMPLE.ORG"
    return [
        mail + b" /healthz HTTP/1.1\r\n" + host + b"\r\n",
        word + b" / HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /" + mail + b"?q=" + word + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /sign-in/ HTTP/1.1\r\n" + host + b"Cookie: sessionid=" + word + b"\r\n\r\n",
        b"GET /settings/privacy/" + word + b" HTTP/1.1\r\n" + host + b"Cookie: sessionid=" + word + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + word + b".example\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + mail + b"\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/" + word + b"\r\n" + host + b"\r\n",
        word + b"\r\n\r\n",
        b"GET\r\n" + word + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + host + word + b" : broken\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + host + b"X: " + word + b"\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + host + mail + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + word + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET / HTTP/1.1\r\n" + host + b"X: " + word + b"a" * 70_000 + b"\r\n\r\n",
        b"POST /sign-in/ HTTP/1.1\r\n" + host + b"Content-Length: " + word + b"\r\n\r\n",
        b"POST /sign-in/ HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n" + word + b"\r\n",
        b"POST /sign-in/ HTTP/1.1\r\n" + host + b"Transfer-Encoding: " + word + b"\r\n\r\n",
        b"POST /sign-in/ HTTP/1.1\r\n" + host + b"Content-Type: multipart/form-data; boundary=" + word
        + b"\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /api/auth/login HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\nContent-Length: 60\r\n\r\n"
        + b'{"username": "' + word + b'", "password": "x"}' + b" " * 30,
        b"POST /sign-in/ HTTP/1.1\r\n" + host + b"Referer: https://" + word + b".example/\r\nContent-Length: 0\r\n\r\n",
        b"PROXY TCP4 " + word + b" 192.0.2.1 1 2\r\nGET / HTTP/1.1\r\n" + host + b"\r\n",
        b"\x16\x03\x01" + word,
    ]  # fmt: skip


@pytest.mark.parametrize("server", SERVERS)
def test_nothing_of_a_request_is_in_a_servers_log(server: str, tmp_path: Path) -> None:
    word = f"CNRY{secrets.token_hex(6).upper()}"
    log = tmp_path / "site.log"
    with serving(server, log) as port:
        for path in (f"no/such/{word}", f"sign-in/?{word}"):
            requests.get(f"http://127.0.0.1:{port}/{path}", headers={"Cookie": f"sessionid={word}"}, timeout=60)
        for request in requests_with(word.encode()):
            send(port, request)
        assert _answers(port), "and the site still serves"
    written = log.read_text()
    assert "django.request" in written or "of a request" in written, written
    assert word.lower() not in written.lower(), [line for line in written.splitlines() if word.lower() in line.lower()]
    assert "EXAMPLE.ORG" not in written.upper()
    assert "Traceback" not in written and "nobody" not in written
