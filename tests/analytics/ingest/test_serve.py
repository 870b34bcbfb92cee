"""Health, drain, TLS, and strangers on the port."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from analytics.ingest import serve
from analytics.ingest.answer import SERVICE_NAME
from analytics.ingest.serve import CannotListen, Processor, Tls
from analytics.router import conninfo
from tests.acceptance.product import wait_until
from tests.analytics.ingest.conftest import Client, Start, nobody_can_write, rows_stored, waiting
from tests.analytics.ingest.spans import span

Clients = Callable[..., Client]
NO_DATABASE = "host=/nonexistent"
# A call that gRPC finds on a connection it is just closing is CANCELLED. Exporters send again after either.
TO_COME_AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def health(channel: grpc.Channel, service: str = "") -> int:
    check = health_pb2_grpc.HealthStub(channel).Check
    return int(check(health_pb2.HealthCheckRequest(service=service), timeout=30).status)


@pytest.fixture
def processor() -> Iterator[Processor]:
    """One that needs no database for what is asked of it here."""
    made = Processor("127.0.0.1:0", NO_DATABASE)
    yield made
    made.stop()


@pytest.mark.parametrize("service", ["", SERVICE_NAME])
def test_the_health_service_says_that_it_serves(processor: Processor, clients: Clients, service: str) -> None:
    processor.start()

    assert health(clients(processor.port).channel, service) == SERVING


def test_the_health_service_needs_no_key(clients: Clients) -> None:
    processor = Processor("127.0.0.1:0", NO_DATABASE, api_key="a key")
    processor.start()

    assert health(clients(processor.port).channel) == SERVING
    processor.stop()


def test_what_is_under_way_is_finished_and_what_comes_then_is_unavailable(start: Start, clients: Clients) -> None:
    processor = start()
    client = clients(processor.port)
    with ThreadPoolExecutor(2) as threads:
        with nobody_can_write() as own:
            under_way = threads.submit(client.export, span())
            waiting(own, 1)
            stopping = threads.submit(processor.stop)
            wait_until("the port is closed", lambda: _refuses(processor.port))
            assert client.refusal(span(), timeout=30).code() in TO_COME_AGAIN
            assert not under_way.done()
        assert not under_way.result(30).HasField("partial_success")
        stopping.result(30)

    assert rows_stored() == 1


def _refuses(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


def test_while_it_drains_the_health_service_answers_not_serving(start: Start, clients: Clients) -> None:
    processor = start()
    client = clients(processor.port)
    answers = health_pb2_grpc.HealthStub(client.channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
    assert next(answers).status == SERVING
    with ThreadPoolExecutor(1) as thread:
        stopping = thread.submit(processor.stop)

        assert next(answers).status == NOT_SERVING
        answers.cancel()
        stopping.result(30)


def test_it_ends_even_if_the_database_never_answers(
    start: Start, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "DRAIN_SECONDS", 0.2)
    processor = start()
    client = clients(processor.port)
    with nobody_can_write() as own, ThreadPoolExecutor(1) as thread:
        under_way = thread.submit(client.refusal, span())
        waiting(own, 1)

        processor.stop()

        assert under_way.result(30).code() in TO_COME_AGAIN


def test_a_port_that_is_taken_is_named(processor: Processor) -> None:
    with pytest.raises(CannotListen, match=f"127.0.0.1:{processor.port} cannot be listened on"):
        Processor(f"127.0.0.1:{processor.port}", NO_DATABASE)


def test_several_processes_can_share_a_port() -> None:
    first = Processor("127.0.0.1:0", NO_DATABASE, slot=1)
    second = Processor(f"127.0.0.1:{first.port}", NO_DATABASE, slot=2)

    assert second.port == first.port
    first.stop()
    second.stop()


@pytest.mark.parametrize("method", ["GET /", "POST /v1/traces"])
def test_plain_http_on_the_port_is_hung_up_on_and_harms_nobody(client: Client, method: str) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as caller:
        caller.sendall(f"{method} HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n".encode())
        while caller.recv(4096):
            pass  # it says that it speaks HTTP/2, and closes

    client.export(span())
    assert rows_stored() == 1


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, Tls]:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    tls = Tls(tmp_path / "certificate.pem", tmp_path / "key.pem")
    tls.certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    tls.key.write_bytes(issued.private_key_pem.bytes())
    return authority, tls


def test_tls_is_spoken_with_the_certificate_it_is_given(start: Start, authority: tuple[trustme.CA, Tls]) -> None:
    trusted, tls = authority
    processor = start("localhost:0", tls=tls, api_key="a key")
    credentials = grpc.ssl_channel_credentials(trusted.cert_pem.bytes())

    with grpc.secure_channel(f"localhost:{processor.port}", credentials) as channel:
        Client(channel, processor.port, (("x-api-key", "a key"),)).export(span())

    assert rows_stored() == 1


def test_without_tls_nobody_gets_in_where_it_is_spoken(
    start: Start, clients: Clients, authority: tuple[trustme.CA, Tls]
) -> None:
    client = clients(start(tls=authority[1]).port)

    assert client.refusal(span(), timeout=30).code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_a_certificate_that_cannot_be_read_is_named(authority: tuple[trustme.CA, Tls], missing: str) -> None:
    path: Path = getattr(authority[1], missing)
    path.unlink()

    with pytest.raises(CannotListen, match=f"{path.name} cannot be read: No such file"):
        Processor("127.0.0.1:0", NO_DATABASE, tls=authority[1])


def test_a_certificate_that_is_none_is_said_to_be_none(authority: tuple[trustme.CA, Tls]) -> None:
    authority[1].certificate.write_text("a certificate, honestly")

    with pytest.raises(CannotListen):
        Processor("127.0.0.1:0", NO_DATABASE, tls=authority[1])


def test_it_writes_to_the_database_it_was_given(start: Start, clients: Clients) -> None:
    client = clients(start(database=conninfo()).port)

    client.export(*(span() for _ in range(600)))

    assert rows_stored() == 600
