"""A reload of the site, as the unit does it, is a restart: all of the new code, none of the old, no request lost."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.acceptance.product import free_port, wait_until
from tests.deploy.image import DEPLOY, make_image
from tests.support.databases import clean_environment

UNIT = (DEPLOY / "systemd" / "rhesis-site.service").read_text()
THREADS = 4
OLD, NEW = "ok\n", "the next release\n"


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A copy of its own, which the test upgrades."""
    return make_image(tmp_path / "installation")


def upgrade(installation: Path, *, broken: bool = False) -> None:
    """Another answer of a module that workers load, and of one that gunicorn's main process loads for its logger."""
    health = installation / "rhesis_site" / "health.py"
    health.write_text(health.read_text().replace('HttpResponse("ok\\n"', "HttpResponse(RELEASE"))
    logging = installation / "rhesis_site" / "logging_privacy.py"
    logging.write_text(f"{logging.read_text()}\nRELEASE = {NEW!r}\n")
    text = health.read_text()
    assert "HttpResponse(RELEASE" in text
    health.write_text(
        "raise ImportError\n" if broken else f"{text}\nfrom rhesis_site.logging_privacy import RELEASE  # noqa: E402\n"
    )


class Site:
    def __init__(self, port: int, process: "subprocess.Popen[bytes]", notified: socket.socket) -> None:
        self.port, self.process, self._notified = port, process, notified
        self.main_pid = process.pid
        self.said = ""

    def reload(self) -> None:
        """The unit's ExecReload, as systemd runs it."""
        (command,) = re.findall(r"^ExecReload=(.+)$", UNIT, re.M)
        words = shlex.split(command.replace("$MAINPID", str(self.main_pid)))
        subprocess.run([shutil.which(Path(words[0]).name) or words[0], *words[1:]], check=True)

    def listen(self) -> None:
        """What systemd is told: that the site is ready, and which process is the main one."""
        try:
            message = self._notified.recv(4096, socket.MSG_DONTWAIT).decode()
        except BlockingIOError:
            return
        self.said += message + "\n"
        if found := re.search(r"^MAINPID=(\d+)$", message, re.M):
            self.main_pid = int(found[1])

    def answer(self, session: requests.Session) -> str:
        answer = session.get(f"http://127.0.0.1:{self.port}/healthz", timeout=60)
        assert answer.status_code == 200
        return answer.text


@contextmanager
def running(installation: Path, folder: Path) -> Iterator[Site]:
    port, log, address = free_port(), folder / "site.log", folder / "notify"
    (line,) = re.findall(r"^ExecStart=(.+)$", UNIT, re.M)
    words = [sys.executable, *shlex.split(line)[1:], "--bind", f"127.0.0.1:{port}"]
    environment = clean_environment(
        DATABASE_URL="postgres://nobody:nothing@127.0.0.1:1/none",
        ALLOWED_HOSTS="127.0.0.1",
        WEB_CONCURRENCY="2",
        NOTIFY_SOCKET=str(address),
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, log.open("wb") as output:
        notified.bind(str(address))
        process = subprocess.Popen(
            words, cwd=installation, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        site = Site(port, process, notified)
        try:

            def is_ready() -> bool:
                assert process.poll() is None, log.read_text()
                site.listen()
                return "READY=1" in site.said

            wait_until("the site", is_ready)
            yield site
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize("by", ["the unit", "SIGHUP"])
def test_a_reload_after_an_upgrade_has_all_of_the_new_code_and_loses_no_request(
    by: str, installation: Path, tmp_path: Path
) -> None:
    answers: list[str] = []
    failures: list[Exception] = []
    over = threading.Event()

    def ask(site: Site, *, keep: bool) -> None:
        with requests.Session() as session:
            while not over.is_set():
                try:
                    if keep:
                        answers.append(site.answer(session))
                    else:
                        with requests.Session() as once:
                            answers.append(site.answer(once))
                except Exception as error:  # noqa: BLE001  any is a request lost
                    failures.append(error)

    with running(installation, tmp_path) as site:
        askers = [threading.Thread(target=ask, args=(site,), kwargs={"keep": n % 2 == 0}) for n in range(THREADS)]
        for asker in askers:
            asker.start()
        try:
            wait_until("answers", lambda: len(answers) > 50)
            upgrade(installation)
            first = site.main_pid
            if by == "SIGHUP":
                os.kill(first, signal.SIGHUP)
            else:
                site.reload()

            def is_taken_over() -> bool:
                site.listen()
                return site.main_pid != first

            wait_until("another main process", is_taken_over)
            wait_until("the first one to end", lambda: site.process.poll() is not None)
            seen = len(answers)
            wait_until("more answers", lambda: len(answers) > seen + 50)
        finally:
            over.set()
            for asker in askers:
                asker.join()
        assert failures == []
        assert set(answers) == {OLD, NEW}
        # Of the new release alone, once the first main process is gone; four may have been under way.
        assert set(answers[seen + THREADS :]) == {NEW}
        second = site.main_pid

        def is_third() -> bool:
            # It ignores the signal until it has noticed that the first one is gone, and while another one is loading.
            site.reload()
            site.listen()
            return site.main_pid != second

        wait_until("a third main process", is_third)


def test_a_release_that_cannot_be_loaded_leaves_the_old_one_at_work(installation: Path, tmp_path: Path) -> None:
    with running(installation, tmp_path) as site, requests.Session() as session:
        upgrade(installation, broken=True)
        site.reload()
        log = tmp_path / "site.log"
        wait_until("it to fail", lambda: "ImportError" in log.read_text())
        wait_until("it to be gone", lambda: len(_children(site.process.pid)) == 2)
        site.listen()
        assert (site.main_pid, site.process.poll()) == (site.process.pid, None)
        assert site.answer(session) == OLD


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
