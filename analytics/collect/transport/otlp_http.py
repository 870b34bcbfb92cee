"""OTLP over HTTP with protobuf: one POST on a connection of its own."""

import gzip
import io
import os
import socket
import ssl
import struct
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from analytics.collect.transport import Send, StillPermitted, Tls
from analytics.collect.transport.answers import PROTOBUF, Answer, Reason, again, of_error, of_http, refused
from privacy.elapsed import elapsed

LARGEST_ANSWER = 64 * 1024
CHUNK = 64 * 1024
USER_AGENT = "rhesis-telemetry"
_LINGER_OFF_AT_ONCE, _LINGER_DEFAULT = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)


class HttpTransport:
    """`url` is the whole address, `/v1/traces` included. The deadline holds for the whole attempt, not for each read.

    Name resolution alone is bounded by the system's resolver; it comes before anything is asked or sent.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str], compress: bool, tls: Tls | None = None) -> None:
        """Raises ValueError for what is no address, OSError for certificates that cannot be read."""
        self._address = urlsplit(url)
        if not self._address.hostname:
            raise ValueError("the endpoint names no host")
        self._headers = {
            **headers,
            "content-type": PROTOBUF,
            "user-agent": USER_AGENT,
            "connection": "close",
            **({"content-encoding": "gzip"} if compress else {}),
        }
        self._compress = compress
        self._tls = _context(tls or Tls()) if self._address.scheme == "https" else None
        self._socket: socket.socket | None = None

    @contextmanager
    def connected(self, deadline: float) -> Iterator[Send]:
        connection = self._connection(deadline)
        try:
            connection.connect()
            self._socket = connection.sock
            yield partial(self._send, connection, deadline)
        finally:
            self._socket = None
            connection.close()

    def abort(self) -> None:
        under_way = self._socket
        if under_way is not None:
            with suppress(OSError):
                # Not the method of a TLS socket, which would go on in plain text first.
                socket.socket.shutdown(under_way, socket.SHUT_RDWR)

    def _connection(self, deadline: float) -> HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._tls is None:
            connection = HTTPConnection(host, port)
        elif (proxy := _proxy(self._address)) is None:
            connection = HTTPSConnection(host, port, context=self._tls)
        else:
            connection = HTTPSConnection(proxy.hostname or "", proxy.port or 80, context=self._tls)
            connection.set_tunnel(host, port or 443, headers=_credentials(proxy))
        # The library's would give each of a host's addresses the whole time.
        connection._create_connection = partial(self._connect, deadline)  # type: ignore[attr-defined]
        connection.response_class = partial(_response, deadline)  # type: ignore[assignment]  # the proxy's
        return connection

    def _connect(self, deadline: float, address: tuple[str, int], *_: Any) -> socket.socket:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
        failure: OSError = TimeoutError("no time was left to connect")
        for family, kind, protocol, _name, where in found:
            connecting = socket.socket(family, kind, protocol)
            try:
                connecting.settimeout(_left(deadline))
                connecting.connect(where)
            except OSError as error:
                connecting.close()
                failure = error
                continue
            connecting.settimeout(_left(deadline))  # for the handshake of TLS
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                # Should this process be frozen, the kernel gives up what the other side does not take.
                connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5_000)
            return connecting
        raise failure

    def _send(
        self,
        connection: HTTPConnection,
        deadline: float,
        spans: Sequence[ReadableSpan],
        still_permitted: StillPermitted,
    ) -> Answer:
        body = encode_spans(spans).SerializeToString()
        if self._compress:
            body = gzip.compress(body)
        try:
            self._send_head(connection, len(body))
        except OSError as error:
            return of_error(error)
        until = min(deadline, still_permitted())
        try:
            for start in range(0, len(body), CHUNK):
                connection.sock.settimeout(_left(until))
                connection.sock.sendall(memoryview(body)[start : start + CHUNK])
            return _answer(connection.sock, until)
        except IncompleteRead:
            return again(Reason.UNREACHABLE)
        except OSError as error:
            return of_error(error)
        except HTTPException:
            return again(
                Reason.NOT_OTLP
            )  # or half a line of a collector's; sending again is harmless, ids are the same

    def _send_head(self, connection: HTTPConnection, length: int) -> None:
        # Until the whole answer is there, closing throws away what the kernel has not sent yet.
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF_AT_ONCE)
        target = self._address.path or "/"
        connection.putrequest("POST", f"{target}?{self._address.query}" if self._address.query else target)
        for name, value in {**self._headers, "content-length": str(length)}.items():
            connection.putheader(name, value)
        connection.endheaders()


def _answer(sock: socket.socket, deadline: float) -> Answer:
    """Read the whole answer. Raises OSError or HTTPException where there is none."""
    response = _response(deadline, sock, method="POST")
    response.begin()
    while 102 <= response.status < 200:
        # On the way, a proxy may have told that the answer is still to come.
        response.headers = None  # type: ignore[assignment]  # or the library takes this answer for the last one
        response.begin()
    body = response.read(LARGEST_ANSWER + 1)
    if len(body) > LARGEST_ANSWER:
        return refused(Reason.NOT_OTLP)
    if response.length:
        raise IncompleteRead(body, response.length)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_DEFAULT)
    return of_http(response.status, response.headers, body, now=datetime.now(UTC))


def _left(deadline: float) -> float:
    """Seconds until `deadline`. Raises TimeoutError when there are none."""
    seconds = deadline - elapsed.now()
    if seconds <= 0:
        raise TimeoutError("the attempt took too long")
    return seconds


class _Reader(io.RawIOBase):
    """Reads from a socket until a deadline, however little each read brings."""

    def __init__(self, of: socket.socket, deadline: float) -> None:
        self._socket, self._deadline = of, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left(self._deadline))
        return self._socket.recv_into(buffer)


class _Readable:
    """The one method of a socket that HTTPResponse calls."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)


def _response(deadline: float, of: socket.socket, **options: Any) -> HTTPResponse:
    return HTTPResponse(_Readable(_Reader(of, deadline)), **options)  # type: ignore[arg-type]


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=os.fspath(tls.certificate) if tls.certificate else None)
    if tls.certificate is None:
        # Beside the machine's own authorities, which a small container has none of.
        context.load_verify_locations(certifi.where())
    if tls.client_certificate is not None:
        context.load_cert_chain(tls.client_certificate, tls.client_key)
    return context


def _proxy(address: SplitResult) -> SplitResult | None:
    """The proxy for an https:// endpoint. Raises OSError for one that is itself reached by TLS or SOCKS."""
    named = getproxies().get("https")
    if not named or proxy_bypass(address.hostname or ""):
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or not proxy.hostname:
        raise OSError("only an http:// proxy can be used")
    return proxy


def _credentials(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
