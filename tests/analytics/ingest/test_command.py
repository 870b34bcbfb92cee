"""`run_telemetry_processor`: what it says, and how it begins and ends."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from tests.acceptance.product import free_port, wait_until
from tests.analytics.ingest.conftest import Client, nobody_can_write, rows_stored, waiting
from tests.analytics.ingest.processes import command, serves
from tests.analytics.ingest.spans import of, span


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--listen", "4317"], "--listen must be HOST:PORT, such as 127.0.0.1:4317; it is '4317'"),
        (["--listen", ":4317"], "--listen must be HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "--listen must be HOST:PORT"),
        (["--listen", "127.0.0.1:http"], "--listen must be HOST:PORT"),
        (["--workers", "0"], "--workers must be a whole number from 1 to 64"),
        (["--workers", "65"], "--workers must be a whole number from 1 to 64"),
        (["--workers", "1_0"], "--workers must be a whole number from 1 to 64; it is '1_0'"),
        (["--workers", "two"], "--workers must be a whole number from 1 to 64"),
        (["--worker", "one"], "--worker must be a whole number"),
        (["--listen", "127.0.0.1:٤٣١٧"], "--listen must be HOST:PORT"),
        (["--workers", "2", "--listen", "127.0.0.1:0"], "several workers must share one port"),
        (["--tls-key", "key.pem"], "--tls-certificate and --tls-key must be set together"),
        (["--tls-certificate", "certificate.pem"], "--tls-certificate and --tls-key must be set together"),
        (["--listen", "0.0.0.0:4317"], "0.0.0.0 is reachable from other machines; set OTEL_API_KEY"),
        (["--listen", "[::]:4317"], "is reachable from other machines"),
        (["--listen", "192.0.2.1:4317"], "is reachable from other machines"),
        (["--listen", "telemetry.example:4317"], "is reachable from other machines"),
        (["--listen", "0:4317"], "is reachable from other machines"),
        (["--tls-key", "/none/key.pem", "--tls-certificate", "/none/c.pem"], "/none/key.pem cannot be read"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(db: None, words: list[str], message: str) -> None:
    with pytest.raises(CommandError) as raised:
        call_command("run_telemetry_processor", *words)

    assert message in str(raised.value) and "\n" not in str(raised.value)
    assert raised.value.returncode == 2


def test_with_a_key_it_would_listen_anywhere(db: None) -> None:
    """This machine has no such address, which is what it complains of then."""
    with override_settings(OTEL_API_KEY="a key"), pytest.raises(CommandError, match=r"192\.0\.2\.1:4317 cannot be"):
        call_command("run_telemetry_processor", "--listen", "192.0.2.1:4317")


def test_a_key_that_no_client_can_send_is_an_error_of_the_checks(transactional_db: None) -> None:
    with command("--listen", "127.0.0.1:0", OTEL_API_KEY="clé") as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode and "analytics.E012" in errors


def test_it_says_where_it_listens_and_finishes_what_is_under_way_when_asked_to_end(
    transactional_db: None, clients: Callable[..., Client]
) -> None:
    with command("--listen", "127.0.0.1:0") as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("listening on 127.0.0.1:")
        client = clients(int(said.rpartition(":")[2]))
        client.export(span())
        with nobody_can_write() as own:
            under_way = client.channel.unary_unary(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            ).future(of(span()).SerializeToString(), timeout=60)
            waiting(own, 1)
            process.send_signal(signal.SIGTERM)
            wait_until("it drains", lambda: not serves(client.port))
        assert under_way.result(60) == b""
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, rows_stored()) == (0, 2)
    assert "Traceback" not in errors


def test_a_port_that_is_taken_is_one_line_and_exit_code_2(transactional_db: None) -> None:
    port = free_port()
    with command("--listen", f"127.0.0.1:{port}") as first, command("--listen", f"127.0.0.1:{port}") as second:
        wait_until("one of them has ended", lambda: first.poll() is not None or second.poll() is not None)
        late = first if first.poll() is not None else second
        _, errors = late.communicate(timeout=60)

    assert late.returncode == 2
    assert "cannot be listened on; is something else there?" in errors and "Traceback" not in errors


def test_it_starts_while_the_database_is_away(tmp_path: Path) -> None:
    """It answers UNAVAILABLE then, which senders understand; see test_service."""
    port = free_port()
    with command(
        "--listen",
        f"127.0.0.1:{port}",
        "--skip-checks",
        DATABASE_URL=f"postgresql://nobody:x@/none?host={tmp_path}",
    ):
        wait_until("it serves", lambda: serves(port))
