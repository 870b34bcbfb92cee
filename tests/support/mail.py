"""A mail server on a port of its own: it speaks SMTP, and can refuse recipients, hang or hang up."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


class MailServer(socketserver.ThreadingTCPServer):
    """`received` are the messages it took. `hangs` sends no greeting; `refused` are addresses of no mailbox."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *, hangs: bool = False, refused: tuple[str, ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.hangs, self.refused = hangs, refused
        self.received: list[EmailMessage] = []
        self.connections = 0
        self.ends = threading.Event()

    @property
    def settings(self) -> dict[str, Any]:
        """Django's, to use it."""
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": self.server_address[1],
            "EMAIL_USE_TLS": False,
            "EMAIL_USE_SSL": False,
            "EMAIL_HOST_USER": "",
        }


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.server.connections += 1
        if self.server.hangs:
            self.server.ends.wait()
            return
        self._say("220 mail.example")
        while line := self.rfile.readline():
            word, _, rest = line.decode().strip().partition(" ")
            match word.upper():
                case "RCPT" if any(f"<{each}>" in rest for each in self.server.refused):
                    self._say("550 no such mailbox")
                case "DATA":
                    self._say("354 go on")
                    self._say("250 taken" if self._take() else "554 nothing")
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 ok")

    def _take(self) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.received.append(message_from_bytes(b"".join(lines), policy=policy.default))  # type: ignore[arg-type]
        return bool(lines)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server(**how: Any) -> Iterator[MailServer]:
    with MailServer(**how) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.ends.set()
        server.shutdown()
