"""However a process ends, what it has recorded is sent before: twenty events of twenty, each once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analytics import flush, telemetry_for, track_feature_usage
from analytics.collect import ends
from tests.acceptance.product import free_port, wait_until
from tests.deploy.test_gunicorn import database_url
from tests.support.collectors import Behaviour, Taken, answers, hangs, http_collector
from tests.support.people import someone_who_shares
from tests.support.wire import wired

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[3]
START = """
import concurrent.futures, multiprocessing, os, signal, sys, threading, time
from uuid import UUID
import django
django.setup()
from analytics import flush, telemetry_for, track_feature_usage

def use(number):
    with telemetry_for(UUID(sys.argv[1])):
        track_feature_usage("test_run", "created", test_count=number)

def use_all():
    for number in range(20):
        use(number)

def ready():
    print("ready", flush=True)

if __name__ == "__main__":
"""
USES = "    use_all()\n"
WAITS = "    ready()\n    time.sleep(600)\n"


@contextmanager
def script(
    folder: Path, lines: str, behaviour: Behaviour | None = None, first: str = ""
) -> Iterator[tuple[Taken, subprocess.Popen[str]]]:
    """A program of somebody's own that uses a feature twenty times; what a collector got of it."""
    person = someone_who_shares()
    path = folder / "script.py"
    path.write_text(first + START + lines)
    with http_collector(behaviour or answers()) as taken:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "rhesis_site.settings",
            "SECRET_KEY": os.environ["SECRET_KEY"],
            "DATABASE_URL": database_url(),
            "DJANGO_HTTPS": "false",
            "OTEL_EXPORTER_OTLP_ENDPOINT": taken.url,
            "OTEL_BSP_SCHEDULE_DELAY": "86400000",
        }
        process = subprocess.Popen(
            [sys.executable, str(path), str(person.pk)],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield taken, process
        finally:
            process.kill()
            process.communicate()


def is_ready(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def ended(process: "subprocess.Popen[str]") -> str:
    """What it wrote, once it has ended."""
    output, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors, errors
    return output


def numbers(taken: Taken) -> list[int]:
    return sorted(
        attribute.value.int_value
        for request in taken.requests()
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
        for attribute in span.attributes
        if attribute.key == "metadata.test_count"
    )


@pytest.mark.parametrize(
    "lines",
    [
        USES,
        USES + "    sys.exit(3)\n",
        USES + "    print(flush()); os._exit(0)\n",
        "    threads = [threading.Thread(target=use, args=[n], daemon=True) for n in range(20)]\n"
        "    [thread.start() for thread in threads]; [thread.join() for thread in threads]\n",
        "    pool = multiprocessing.get_context('fork').Pool(3, maxtasksperchild=3)\n"
        "    pool.map(use, range(20), chunksize=1); pool.close(); pool.join()\n",
        "    with multiprocessing.get_context('fork').Pool(3) as pool: pool.map(use, range(20))\n",
        "    with multiprocessing.get_context('spawn').Pool(2) as pool: pool.map(use, range(20))\n",
        "    with concurrent.futures.ProcessPoolExecutor(3, multiprocessing.get_context('fork')) as pool:\n"
        "        list(pool.map(use, range(20)))\n",
        "    process = multiprocessing.get_context('fork').Process(target=use_all)\n"
        "    process.start(); process.join()\n",
    ],
    ids=["last line", "exit", "flush", "daemon threads", "recycled", "fork pool", "spawn pool", "executor", "process"],
)
def test_whatever_ends_by_itself_has_sent_everything(lines: str, tmp_path: Path) -> None:
    with script(tmp_path, lines) as (taken, process):
        said = ended(process)
    assert numbers(taken) == list(range(20))
    assert said in ("", "True\n")


@pytest.mark.parametrize(
    "lines",
    [
        "    process = multiprocessing.get_context('fork').Process(target=work)\n"
        "    process.start(); process.join(60); print(process.exitcode); process.kill()\n",
        "    process = os.fork()\n"
        "    if process == 0: work()\n"
        "    threading.Timer(60, os.kill, [process, signal.SIGKILL]).start()\n"
        "    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True); os._exit(0)\n",
        "    print(-signal.SIGTERM, flush=True); work()\n",
    ],
    ids=["of multiprocessing", "of a fork, as in Celery's pool", "of its own"],
)
def test_a_process_that_sleeps_through_a_signal_is_woken(lines: str, tmp_path: Path) -> None:
    """A signal that another thread of the process receives does not interrupt the main thread's wait."""
    work = """    def work():
        use_all()
        lock = multiprocessing.Lock()
        lock.acquire()
        def receive():
            time.sleep(0.3)  # the main thread blocks by then; if it does not yet, the test proves less and still passes
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        threading.Thread(target=receive).start()
        lock.acquire()

"""
    with script(tmp_path, work + lines) as (taken, process):
        assert ended(process) == f"{-signal.SIGTERM}\n"
    assert numbers(taken) == list(range(20))


def test_a_child_that_records_nothing_has_the_signals_of_before(tmp_path: Path) -> None:
    lines = """    use_all()
    process = multiprocessing.get_context("fork").Process(target=lambda: print(signal.getsignal(signal.SIGTERM).name))
    process.start()
    process.join()
"""
    with script(tmp_path, lines) as (taken, process):
        assert ended(process) == "SIG_DFL\n"
    assert numbers(taken) == list(range(20))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_script_ended_by_a_signal_sends_everything_and_has_ended_by_that_signal(
    number: signal.Signals, tmp_path: Path
) -> None:
    # A child of a run under nohup ignores SIGHUP.
    lines = "    signal.signal(signal.SIGHUP, signal.SIG_DFL)\n" + USES + WAITS
    with script(tmp_path, lines) as (taken, process):
        is_ready(process)
        process.send_signal(number)
        ended(process)
    assert numbers(taken) == list(range(20))
    assert process.returncode == -number


def test_a_signal_sent_twice_loses_nothing(tmp_path: Path) -> None:
    with script(tmp_path, USES + WAITS) as (taken, process):
        is_ready(process)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        ended(process)
    assert numbers(taken) == list(range(20))
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("installed", ["before", "after"])
def test_a_handler_of_the_host_stays(installed: str, tmp_path: Path) -> None:
    handler = "    signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'of the host'), sys.exit(7)))\n"
    lines = handler + USES + WAITS if installed == "before" else USES + handler + WAITS
    with script(tmp_path, lines) as (taken, process):
        is_ready(process)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == "of the host"
    assert process.returncode == 7
    assert numbers(taken) == list(range(20))


def test_a_handler_of_the_host_may_call_the_one_before_it_and_go_on(tmp_path: Path) -> None:
    lines = (
        USES + "    before = signal.getsignal(signal.SIGTERM)\n"
        "    signal.signal(signal.SIGTERM, lambda *a: (before(*a), os.write(1, b'of the host'), sys.exit(7)))\n"
    )
    with script(tmp_path, lines + WAITS) as (taken, process):
        is_ready(process)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == "of the host"
    assert process.returncode == 7
    assert numbers(taken) == list(range(20))


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    lines = "    signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + USES + "    ready(); sys.stdin.readline()\n"
    with script(tmp_path, lines + "    print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)\n") as (_, process):
        is_ready(process)
        process.send_signal(signal.SIGHUP)
        assert ended(process) == "True\n"


def test_a_collector_that_hangs_keeps_no_process_from_ending(tmp_path: Path) -> None:
    with script(tmp_path, USES + WAITS, hangs) as (_, process):
        is_ready(process)
        process.send_signal(signal.SIGTERM)
        ended(process)
    assert process.returncode == -signal.SIGTERM


def test_a_child_forked_while_the_queue_is_full_sends_its_own_and_nothing_of_its_parent_s(tmp_path: Path) -> None:
    lines = USES + "    if os.fork() == 0: use(100); sys.exit()\n    os.wait()\n"
    with script(tmp_path, lines) as (taken, process):
        ended(process)
    assert numbers(taken) == [*range(20), 100]


CELERY = """\
    from celery import Celery
    folder = os.path.join(os.getcwd(), "queue")
    options = {"data_folder_in": folder, "data_folder_out": folder, "processed_folder": folder}
    app = Celery("app", broker="filesystem://")
    app.conf.update(broker_transport_options=options, worker_hijack_root_logger=False)
    app.task(name="use")(use)
    def end(parent): os.kill(parent, signal.SIGTERM)
    app.task(name="end")(end)
    for number in range(21):
        app.send_task("use", [number])
        time.sleep(0.002)  # the broker's files are in order of their names, which begin with milliseconds
"""


def test_each_worker_that_celery_recycles_sends_everything(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    lines = """    app.worker_main(["worker", "-P", "prefork", "-c", "1", "--max-tasks-per-child=3", "-l", "ERROR"])
"""
    # Celery's own end is not waited for: without a line of ours it hangs once in ten times on a busy machine.
    with script(tmp_path, CELERY + lines) as (taken, _):
        wait_until("the events of seven workers", lambda: numbers(taken) == list(range(21)))


def test_a_worker_of_celery_with_threads_sends_everything_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    lines = """    app.send_task("end", [os.getpid()])
    app.worker_main(["worker", "-P", "threads", "-c", "1", "-l", "ERROR"])
"""
    with script(tmp_path, CELERY + lines) as (taken, process):
        ended(process)
    assert numbers(taken) == list(range(21))


def test_where_gevent_replaced_the_threads_nothing_blocks_its_loop(tmp_path: Path) -> None:
    lines = """\
    use_all()
    gevent.spawn(ready)
    time.sleep(0.1)
"""
    patched = "import gevent.monkey\ngevent.monkey.patch_all()\n"
    with script(tmp_path, lines, first=patched) as (taken, process):
        assert ended(process) == "ready\n"
    assert numbers(taken) == list(range(20))


SERVES = """\
    import uvicorn
    from django.core.asgi import get_asgi_application
    from analytics.collect.asgi import with_lifespan
    server = uvicorn.Server(uvicorn.Config({application}, port=0, log_level="critical"))
    def visit():
        while not server.started: time.sleep(0.01)
        use_all()
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Thread(target=visit, daemon=True).start()
    server.run()
"""


def test_uvicorn_s_lifespan_sends_everything(tmp_path: Path) -> None:
    lines = SERVES.format(application="with_lifespan(get_asgi_application())")
    with script(tmp_path, lines) as (taken, process):
        _, errors = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGTERM
    assert numbers(taken) == list(range(20))
    assert "with_lifespan" not in errors


def test_under_uvicorn_without_the_lifespan_the_first_event_names_what_is_missing_once(tmp_path: Path) -> None:
    with script(tmp_path, SERVES.format(application="get_asgi_application()")) as (_, process):
        _, errors = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGTERM
    assert errors.count("wrap the application in analytics.collect.asgi.with_lifespan") == 1


VISITOR = """
import os, signal, sys, time, urllib.request
for number in range(20):
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/?{number}", timeout=60).read()
            break
        except OSError:
            time.sleep(0.05)  # the server is starting
if len(sys.argv) > 2:
    os.kill(int(sys.argv[2]), signal.SIGTERM)
"""


def test_workers_that_gunicorn_recycles_send_everything(tmp_path: Path) -> None:
    (tmp_path / "visitor.py").write_text(VISITOR)
    lines = f"""\
    import subprocess
    from gunicorn.app.base import BaseApplication
    def answer(environ, start_response):
        use(int(environ["QUERY_STRING"]))
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]
    class Site(BaseApplication):
        def load_config(self):
            self.cfg.set("bind", "127.0.0.1:{(port := free_port())}")
            self.cfg.set("max_requests", 3)
            self.cfg.set("loglevel", "critical")
            self.cfg.set("control_socket_disable", True)
        def load(self):
            return answer
    subprocess.Popen([sys.executable, "visitor.py", "{port}", str(os.getpid())])
    Site().run()
"""
    with script(tmp_path, lines) as (taken, process):
        ended(process)
    assert numbers(taken) == list(range(20))


def test_uvicorn_that_ends_after_so_many_requests_sends_everything(tmp_path: Path) -> None:
    (tmp_path / "visitor.py").write_text(VISITOR)
    lines = f"""\
    import subprocess, uvicorn
    async def answer(scope, receive, send):
        if scope["type"] == "http":
            use(int(scope["query_string"]))
            await send({{"type": "http.response.start", "status": 200, "headers": []}})
            await send({{"type": "http.response.body", "body": b"ok"}})
    subprocess.Popen([sys.executable, "visitor.py", "{(port := free_port())}"])
    uvicorn.run(answer, port={port}, limit_max_requests=20, lifespan="off", log_level="critical")
"""
    with script(tmp_path, lines) as (taken, process):
        ended(process)
    assert numbers(taken) == list(range(20))


def test_flush_returns_whether_everything_was_sent() -> None:
    with telemetry_for(someone_who_shares()):
        assert flush() is True, "there was nothing to send"
        with wired() as (wire, _):
            track_feature_usage("test_run", "created", test_count=1)
            assert flush() is True
            assert len(wire.spans) == 1
            wire.failing = True
            track_feature_usage("test_run", "created", test_count=2)
            assert flush() is False
            wire.failing = False
            assert flush() is True, "what failed is counted, and no longer queued"


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "soon", None])
def test_flush_raises_for_no_timeout(timeout: object) -> None:
    with wired(), telemetry_for(someone_who_shares()):
        track_feature_usage("test_run", "created", test_count=1)
        assert flush(timeout) in (True, False)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0.01, 0.0, -5.0])
def test_work_that_does_not_end_in_time_is_not_waited_for(seconds: float) -> None:
    lock = ends._thread.allocate_lock()
    with lock:
        assert ends.within(seconds, lock.acquire) is False


def test_work_is_done_only_if_it_does_not_break() -> None:
    def breaks() -> None:
        raise RuntimeError

    assert ends.within(60, lambda: None) is True
    assert ends.within(60, breaks) is False


def test_after_a_signal_a_process_goes_on_for_four_and_a_half_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(ends, "within", lambda seconds, work: waits.append(seconds))
    monkeypatch.setattr(ends, "_begun", [])
    # A test before may have made it the handler of this very process, which would end.
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        ends._end_by_signal(signal.SIGTERM, None)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert waits == [4.5]


@pytest.mark.parametrize("under_asgi", [True, False])
@pytest.mark.parametrize("hears_lifespan", [True, False])
@pytest.mark.parametrize("uvicorn", [True, False])
def test_what_is_missing_is_named_under_uvicorn_alone_and_only_where_it_is_missing(
    under_asgi: bool,
    hears_lifespan: bool,
    uvicorn: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(ends, "_hear_signals", lambda: None)
    monkeypatch.setattr(ends, "_hear_pools", lambda: None)
    monkeypatch.setattr(ends, "under_asgi", under_asgi)
    monkeypatch.setattr(ends, "hears_lifespan", hears_lifespan)
    monkeypatch.delitem(sys.modules, "uvicorn", raising=False)
    if uvicorn:
        monkeypatch.setitem(sys.modules, "uvicorn", sys)
    ends.listen()
    assert ("with_lifespan" in caplog.text) is (under_asgi and not hears_lifespan and uvicorn)


def test_until_something_serves_under_asgi_nobody_does(tmp_path: Path) -> None:
    lines = USES + "    from analytics.collect import ends; print(ends.under_asgi, ends.hears_lifespan)\n"
    with script(tmp_path, lines) as (_, process):
        assert ended(process) == "False False\n"


def test_a_process_that_records_is_woken_and_no_child_of_it_that_does_not(tmp_path: Path) -> None:
    """What wakes a process may be used by one only: an event loop of the host may need it in the child."""
    lines = """    use(0)
    if os.fork() == 0:
        print(signal.set_wakeup_fd(-1), signal.getsignal(signal.SIGTERM).name, flush=True)
        os._exit(0)
    os.wait()
    print(signal.set_wakeup_fd(-1) > 0, flush=True)
"""
    with script(tmp_path, lines) as (taken, process):
        assert ended(process) == "-1 SIG_DFL\nTrue\n"
    assert numbers(taken) == [0]


def test_an_event_loop_s_own_signals_work_beside_it(tmp_path: Path) -> None:
    lines = """    import asyncio
    use(0)
    async def serve():
        heard = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heard.set)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(heard.wait(), 60)
        print("heard", flush=True)
    asyncio.run(serve())
"""
    with script(tmp_path, lines) as (taken, process):
        assert ended(process) == "heard\n"
    assert numbers(taken) == [0]


def test_what_wakes_a_worker_already_stays(tmp_path: Path) -> None:
    lines = """    def work():
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        use(1)
        print(signal.set_wakeup_fd(-1) == writing, flush=True)
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
"""
    with script(tmp_path, lines) as (taken, process):
        assert ended(process) == "True\n"
    assert numbers(taken) == [1]
