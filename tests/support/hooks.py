"""A web hook on a port of its own, which keeps what it was sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hook(ThreadingHTTPServer):
    """`status` is its answer; `drips` sends the answer a byte at a time, and never all of it."""

    daemon_threads = True

    def __init__(self, *, status: int = 204, drips: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.status, self.drips = status, drips
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.ends = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/alerts?to=us"


class _Asked(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
        if self.server.drips:
            while not self.server.ends.wait(0.02):
                self.wfile.write(b"H")
            return
        self.send_response(self.server.status)
        self.send_header("location", self.server.address)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing on the terminal."""


@contextmanager
def web_hook(**how: Any) -> Iterator[Hook]:
    with Hook(**how) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.ends.set()
        server.shutdown()
