"""To whom an attempt connects, over TLS, through a proxy, at which of a host's addresses; and how it is ended."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from analytics.collect.transport import Tls, Transport
from analytics.collect.transport.answers import Answer, Fate, Reason
from analytics.collect.transport.otlp_grpc import GrpcTransport
from analytics.collect.transport.otlp_http import HttpTransport, _context
from privacy.elapsed import elapsed
from tests.acceptance.product import free_port
from tests.analytics.collect.transport.test_attempts_on_the_wire import (
    AGAIN,
    BOTH,
    ENDLESS,
    REFUSED,
    Collector,
    attempted,
    over_grpc,
    over_http,
    spans,
)
from tests.support import collectors as c

AUTHORITY = trustme.CA()
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


@pytest.fixture
def files(tmp_path: Path) -> Tls:
    """An authority's certificate, and a certificate with its key that the authority issued for us."""
    ours = AUTHORITY.issue_cert("site.example")
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ours.cert_chain_pems[0].write_to_path(str(tmp_path / "ours.pem"))
    ours.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    return Tls(tmp_path / "ca.pem", tmp_path / "ours.pem", tmp_path / "key.pem")


def https(*, asks_for_certificate: bool = False) -> AbstractContextManager[c.Taken]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    if asks_for_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        AUTHORITY.configure_trust(context)
    return c.http_collector(c.answers(), context=context)


def grpcs(*, asks_for_certificate: bool = False) -> AbstractContextManager[c.Taken]:
    theirs = AUTHORITY.issue_cert("localhost")
    credentials = grpc.ssl_server_credentials(
        [(theirs.private_key_pem.bytes(), theirs.cert_chain_pems[0].bytes())],
        root_certificates=AUTHORITY.cert_pem.bytes() if asks_for_certificate else None,
        require_client_auth=asks_for_certificate,
    )
    return c.grpc_collector(c.accepts(), credentials=credentials)


def test_a_certificate_of_nobody_s_is_refused_and_one_that_is_named_is_trusted(files: Tls) -> None:
    with https() as taken:
        assert attempted(over_http(taken)) == Answer(REFUSED, Reason.TLS)
        assert taken.heads == []
        assert attempted(over_http(taken, tls=Tls(files.certificate))) == Answer(Fate.TAKEN)


def test_over_grpc_too(files: Tls) -> None:
    with grpcs() as taken:
        assert attempted(over_grpc(taken)).fate is AGAIN
        assert taken.heads == []
        assert attempted(over_grpc(taken, tls=Tls(files.certificate))) == Answer(Fate.TAKEN)


@pytest.mark.parametrize(("collector", "made"), [(https, over_http), (grpcs, over_grpc)])
def test_a_collector_that_asks_for_a_certificate_is_shown_ours(
    collector: Any, made: Callable[..., Transport], files: Tls
) -> None:
    with collector(asks_for_certificate=True) as taken:
        assert attempted(made(taken, tls=Tls(files.certificate))).fate is not Fate.TAKEN
        assert taken.bodies == []
        assert attempted(made(taken, tls=files)) == Answer(Fate.TAKEN)


def test_a_container_without_authorities_has_those_of_certifi_and_a_named_one_stands_alone(
    files: Tls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "none.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))

    assert len(_context(Tls()).get_ca_certs()) > 50
    assert len(_context(Tls(files.certificate)).get_ca_certs()) == 1


def test_a_collector_without_tls_gets_nothing_over_https() -> None:
    with c.http_collector(c.answers()) as taken:
        transport = HttpTransport(taken.url.replace("http:", "https:"), headers={"x-api-key": "a key"}, compress=False)
        assert attempted(transport, seconds=2.0).fate is AGAIN  # the collector waits for the rest of a request
    assert taken.bodies == [] and "a key" not in str(taken.heads)


@contextmanager
def proxy(monkeypatch: pytest.MonkeyPatch, *, credentials: str = "") -> Iterator[list[str]]:
    """A proxy that HTTPS_PROXY names: the heads of the requests to connect it was sent, each of which it grants."""
    listener = socket.create_server(("127.0.0.1", 0))
    heads: list[str] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(65536)
                heads.append(head.decode())
                host, _, port = head.split()[1].decode().rpartition(":")
                server = socket.create_connection((host, int(port)))
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=_passed_on, args=pair, daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    monkeypatch.setenv("HTTPS_PROXY", f"http://{credentials}127.0.0.1:{listener.getsockname()[1]}")
    try:
        yield heads
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _passed_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("credentials", "header"),
    [("", None), ("us%40r:p%3Aw@", "Basic dXNAcjpwOnc="), ("user@", "Basic dXNlcjo=")],
)
def test_tls_goes_through_the_proxy_from_end_to_end(
    credentials: str, header: str | None, files: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    with https() as taken, proxy(monkeypatch, credentials=credentials) as heads:
        assert attempted(over_http(taken, tls=Tls(files.certificate))) == Answer(Fate.TAKEN)
    assert len(taken.bodies) == len(heads) == 1
    assert heads[0].startswith(f"CONNECT {taken.url.removeprefix('https://')} ")
    assert (f"Proxy-Authorization: {header}\r\n" in heads[0]) is (header is not None)
    assert header is not None or "Authorization" not in heads[0]
    assert "a key" not in heads[0]


@pytest.mark.parametrize("exception", ["localhost", "*", ".example,localhost"])
def test_a_host_that_no_proxy_is_for_is_asked_itself(
    exception: str, files: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    with https() as taken, proxy(monkeypatch) as heads:
        monkeypatch.setenv("NO_PROXY", exception)
        assert attempted(over_http(taken, tls=Tls(files.certificate))) == Answer(Fate.TAKEN)
    assert heads == []


@pytest.mark.parametrize("named", ["https://127.0.0.1:9", "socks5://127.0.0.1:9", "http://"])
def test_a_proxy_that_cannot_be_used_is_not_gone_around(
    named: str, files: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", named)
    with https() as taken:
        assert attempted(over_http(taken, tls=Tls(files.certificate))) == Answer(AGAIN, Reason.UNREACHABLE)
    assert taken.heads == []


@pytest.mark.parametrize(
    ("url", "proxy_is", "asked_for"),
    [
        ("http://collector.example/v1/traces", "", ("collector.example", 80)),
        ("https://collector.example/v1/traces", "", ("collector.example", 443)),
        ("https://collector.example:4318/v1/traces", "", ("collector.example", 4318)),
        ("https://collector.example/v1/traces", "http://proxy.example", ("proxy.example", 80)),
        ("https://collector.example/v1/traces", "proxy.example", ("proxy.example", 80)),
        ("https://collector.example/v1/traces", "proxy.example:3128", ("proxy.example", 3128)),
    ],
)
def test_the_port_is_the_one_that_is_named_or_the_scheme_s(
    url: str, proxy_is: str, asked_for: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def found(host: str, port: int, **_: object) -> list[Any]:
        asked.append((host, port))
        raise socket.gaierror("nobody")

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setenv("HTTPS_PROXY", proxy_is)
    assert attempted(HttpTransport(url, headers={}, compress=False)) == Answer(AGAIN, Reason.UNREACHABLE)
    assert asked == [asked_for]


def test_through_a_proxy_too_the_port_is_the_scheme_s(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = c.http_collector(c.answers(502), reads_body=False)
    with refusing as taken:
        monkeypatch.setenv("HTTPS_PROXY", taken.url)
        transport = HttpTransport("https://collector.example/v1/traces", headers={}, compress=False)
        assert attempted(transport) == Answer(AGAIN, Reason.UNREACHABLE)
    assert taken.heads[0].startswith("CONNECT collector.example:443 ")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://collector.example", "collector.example:80"),
        ("https://collector.example", "collector.example:443"),
        ("http://collector.example:4317", "collector.example:4317"),
        ("http://[::1]:4317", "[::1]:4317"),
    ],
)
def test_over_grpc_the_port_is_the_one_that_is_named_or_the_scheme_s(
    url: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def channel(target: str, *_: object, **__: object) -> Any:
        asked.append(target)
        raise ConnectionRefusedError

    monkeypatch.setattr(grpc, "insecure_channel", channel)
    monkeypatch.setattr(grpc, "secure_channel", channel)
    assert attempted(GrpcTransport(url, headers={}, compress=False)) == Answer(AGAIN, Reason.UNREACHABLE)
    assert asked == [target]


@pytest.mark.parametrize("made", [HttpTransport, GrpcTransport])
@pytest.mark.parametrize("url", ["", "http://", "collector:4317", "http:///v1/traces"])
def test_what_names_no_host_is_no_address(made: Callable[..., Transport], url: str) -> None:
    with pytest.raises(ValueError, match="names no host"):
        made(url, headers={}, compress=False)


def test_each_of_a_host_s_addresses_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with c.http_collector(c.answers()) as taken:
        port = int(taken.url.rpartition(":")[2])
        stream = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        addresses = [(*stream, ("127.0.0.1", free_port())), (*stream, ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        assert attempted(over_http(taken)) == Answer(Fate.TAKEN)
    assert len(taken.bodies) == 1


def test_for_five_seconds_the_kernel_waits_for_a_collector_that_does_not_take_what_is_sent() -> None:
    """So an attempt of a process that is frozen ends as well."""
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        pytest.skip("Linux")
    with c.http_collector(c.answers()) as taken:
        transport = over_http(taken)
        with transport.connected(elapsed.now() + ENDLESS):
            assert transport._socket is not None
            assert transport._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5_000


@pytest.mark.parametrize("made", [over_http, over_grpc])
def test_when_no_time_is_left_nobody_is_asked(made: Callable[[c.Taken], Transport]) -> None:
    nobody = c.Taken(f"http://127.0.0.1:{free_port()}")
    assert attempted(made(nobody), seconds=-0.1) == Answer(AGAIN, Reason.TIMEOUT)


@pytest.mark.parametrize(("made", "collector"), [(over_http, lambda: c.http_collector(c.hangs)), BOTH[1]])
def test_an_attempt_that_is_aborted_before_it_sends_sends_nothing(
    made: Callable[[c.Taken], Transport], collector: Collector
) -> None:
    with collector() as taken:
        transport = made(taken)
        transport.abort()  # nothing is under way: nothing happens
        with transport.connected(elapsed.now() + ENDLESS) as send:
            transport.abort()
            assert send(spans(), lambda: float("inf")) == Answer(AGAIN, Reason.UNREACHABLE)
        transport.abort()
    assert taken.bodies == []


@contextmanager
def going_away() -> Iterator[tuple[str, list[int]]]:
    """A collector that restarts whenever it is called: its address, and the streams that were opened."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[int] = []

    def serve() -> None:
        with suppress(OSError, struct.error):
            while True:
                connection, _ = listener.accept()
                with connection, connection.makefile("rb") as reader:
                    reader.read(24)  # the client's preface
                    connection.sendall(frame(4))
                    while True:
                        high, low, kind, flags, stream = struct.unpack(">BHBBL", reader.read(9))
                        payload = reader.read(high << 16 | low)
                        if kind in (4, 6) and not flags & 1:
                            connection.sendall(frame(kind, 1, 0, payload if kind == 6 else b""))
                        if kind == 1:
                            opened.append(stream)
                            # GOAWAY: this stream was not looked at, nor will another one be.
                            connection.sendall(frame(7, 0, 0, struct.pack(">LL", 0, 0)))
                            break

    def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
        return struct.pack(">BHBBL", 0, len(payload), kind, flags, stream) + payload

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", opened
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_over_grpc_the_library_does_not_try_again_by_itself() -> None:
    """Not even what surely was not read: between two attempts comes the gate."""
    with going_away() as (url, opened):
        assert attempted(over_grpc(c.Taken(url))) == Answer(AGAIN, Reason.UNREACHABLE)
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("made", "collector", "answer"),
    [
        (over_http, lambda: c.http_collector(c.hangs), Answer(AGAIN, Reason.UNREACHABLE)),
        (over_grpc, lambda: c.grpc_collector(c.waits), Answer(AGAIN, Reason.BUSY)),
    ],
)
def test_an_attempt_that_is_aborted_while_it_waits_for_the_answer_ends(
    made: Callable[[c.Taken], Transport], collector: Collector, answer: Answer
) -> None:
    with collector() as taken:
        transport = made(taken)

        def abort() -> None:
            while not taken.bodies:
                taken.stopping.wait(0.01)
            transport.abort()

        aborting = threading.Thread(target=abort)
        aborting.start()
        assert attempted(transport) == answer
        aborting.join()
