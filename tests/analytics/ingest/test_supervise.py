"""Several processes on one port, and the one that keeps them alive."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from analytics.ingest import supervise as supervise_module
from analytics.ingest.supervise import WRONG_USAGE, supervise, worker_commands
from analytics.models import IngestTally
from tests.acceptance.product import free_port, wait_until
from tests.analytics.ingest.conftest import Client, rows_stored, tally
from tests.analytics.ingest.processes import command, serves, workers_of
from tests.analytics.ingest.spans import span

Clients = Callable[..., Client]
# A connection of its own each: the kernel gives connections, not calls, to one worker or another.
ALONE = [("grpc.use_local_subchannel_pool", 1)]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_several_workers_share_the_port_are_replaced_and_end_together(transactional_db: None, clients: Clients) -> None:
    port = free_port()
    with command("--listen", f"127.0.0.1:{port}", "--workers", "2") as process:
        wait_until("it serves", lambda: serves(port))
        wait_until("two workers", lambda: len(workers_of(process)) == 2)
        first = set(workers_of(process))

        def both_have_counted() -> bool:
            try:
                clients(port, options=ALONE).export(span(), wait_for_ready=True)
            except grpc.RpcError:
                return False
            return len({slot // 4 for slot in IngestTally.objects.values_list("slot", flat=True)}) == 2

        wait_until("both have counted", both_have_counted)

        os.kill(min(first), signal.SIGKILL)
        wait_until("another is there", lambda: len(set(workers_of(process)) - first) == 1)
        wait_until("it serves", lambda: serves(port))
        clients(port, options=ALONE).export(span(), wait_for_ready=True)

        last = workers_of(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert not any(map(alive, last))

    assert tally() == {("stored", ""): rows_stored()}


def test_workers_end_when_the_one_that_supervises_them_was_killed(transactional_db: None) -> None:
    port = free_port()
    with command("--listen", f"127.0.0.1:{port}", "--workers", "2") as process:
        wait_until("it serves", lambda: serves(port))
        workers = wait_until("two workers", lambda: len(workers_of(process)) == 2 and workers_of(process))
        process.kill()
        process.wait()

        wait_until("they have ended", lambda: not any(map(alive, workers)))


def test_if_no_worker_can_listen_it_prints_that_and_ends(transactional_db: None) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with command("--listen", f"127.0.0.1:{holder.getsockname()[1]}", "--workers", "2") as process:
            _, errors = process.communicate(timeout=100)

    assert process.returncode == 2
    assert "cannot be listened on" in errors and "Traceback" not in errors


@pytest.fixture
def on_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, Callable[[int, None], None]]]:
    """What `supervise` wants done on each signal; ours stay as they are."""
    wanted: dict[int, Callable[[int, None], None]] = {}
    monkeypatch.setattr(supervise_module.signal, "signal", wanted.__setitem__)
    monkeypatch.setattr(supervise_module, "CHECK_SECONDS", 0.05)
    yield wanted


def test_one_that_ends_by_itself_is_started_again(
    on_signals: dict[int, Callable[[int, None], None]], tmp_path: Path
) -> None:
    mark = tmp_path / "marks"
    program = f"open({str(mark)!r}, 'a').write('x'); raise SystemExit(1)"
    supervising = threading.Thread(target=supervise, args=([[sys.executable, "-c", program]],))
    supervising.start()

    wait_until("three starts", lambda: mark.exists() and len(mark.read_text()) >= 3)
    on_signals[signal.SIGTERM](signal.SIGTERM, None)
    supervising.join(30)

    assert not supervising.is_alive()


def test_one_that_says_it_cannot_run_ends_them_all(on_signals: dict[int, Callable[[int, None], None]]) -> None:
    sleeping, refusing = [sys.executable, "-c", "import time; time.sleep(600)"], [sys.executable, "-c", "exit(2)"]

    assert supervise([sleeping, refusing]) == WRONG_USAGE


def test_each_worker_is_this_program_with_its_number() -> None:
    commands = worker_commands(["run_telemetry_processor", "--listen", "127.0.0.1:4317"], 2)

    assert [words[-2:] for words in commands] == [["--worker", "1"], ["--worker", "2"]]
    assert all(words[:2] == [sys.executable, sys.argv[0]] for words in commands)
    assert all(words[-4:-2] == ["--supervisor", str(os.getpid())] for words in commands)
