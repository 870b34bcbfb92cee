"""Telemetry in a database of its own, which is stopped, frozen, read-only or not migrated: the site goes on.

A real gunicorn with one worker, as deploy/ has it, in front of two real servers of PostgreSQL.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import requests

from tests.acceptance.product import free_port, wait_until
from tests.collector.parts import Postgres
from tests.support.databases import ROOT, Scratch, clean_environment, scratch_database

pytestmark = pytest.mark.acceptance
PAGE = "/settings/privacy/"
PEOPLE = 14
PASSWORD = "a-password-for-this-test"
MAKE_A_PERSON = f"""
from accounts.models import Organization, User
organization = Organization.objects.create(name="Example")
User.objects.create_user("jane", password="{PASSWORD}", organization=organization)
"""
MAKE_A_ROW = """
from accounts.models import User
from analytics.identity import Kind, pseudonym
from analytics.models import UserActivity
from django.utils import timezone
from privacy.models import Preference
asked, _ = Preference.objects.get_or_create(user=User.objects.get())
UserActivity.objects.create(
    timestamp=timezone.now(),
    event_type="login",
    user_id=pseudonym(Kind.USER, asked.pk, asked.salt),
    deployment_type="cloud",
)
"""


@dataclass
class Site:
    port: int
    rows: Postgres
    environment: dict[str, str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def signed_in(self) -> requests.Session:
        browser = requests.Session()
        form = {"username": "jane", "password": PASSWORD}
        assert _posted(browser, f"{self.address}/sign-in/", form).status_code == 200
        return browser

    def stored(self) -> int:
        with psycopg.connect(self.rows.url) as connection:
            row = connection.execute("SELECT count(*) FROM analytics_user_activity").fetchone()
        assert row is not None
        return int(row[0])


def _posted(browser: requests.Session, url: str, form: dict[str, str]) -> requests.Response:
    """What a person gets who fills in the form at `url`, or on the page it belongs to."""
    page = browser.get(url if url.endswith(("sign-in/", "delete/")) else url.removesuffix("sharing/"))
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token is not None, page.text
    return browser.post(url, {**form, "csrfmiddlewaretoken": token[1]}, headers={"Referer": url})


@pytest.fixture(scope="module")
def site(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("away")
    rows = Postgres(folder)
    rows.start()
    try:
        with scratch_database() as database, _running(database, rows, folder / "site.log") as site:
            yield site
    finally:
        rows.thaw()
        rows.kill()
        rows.stop()


@contextmanager
def _running(database: Scratch, rows: Postgres, log: Path) -> Iterator[Site]:
    port = free_port()
    environment = clean_environment(
        DATABASE_URL=database.url, ANALYTICS_DATABASE_URL=rows.url, ALLOWED_HOSTS="127.0.0.1", WEB_CONCURRENCY="1"
    )
    site = Site(port, rows, environment)
    for words in (["migrate", "-v0"], ["shell", "-c", MAKE_A_PERSON]):
        done = site.manage(*words)
        assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "rhesis_site.wsgi"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return requests.get(f"{site.address}/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    try:
        wait_until("the site", answers)
        yield site
    finally:
        process.kill()
        process.wait()


def frozen(site: Site) -> Callable[[], None]:
    site.rows.freeze()
    return site.rows.thaw


def stopped(site: Site) -> Callable[[], None]:
    site.rows.kill()
    return site.rows.start


def read_only(site: Site) -> Callable[[], None]:
    """It refuses as a standby does, whatever a session sets."""

    def execute(statements: str) -> None:
        with psycopg.connect(site.rows.url, autocommit=True) as connection:
            connection.execute(statements)  # type: ignore[arg-type]

    execute(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'cannot write in a read-only transaction' USING ERRCODE = '25006'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT OR DELETE ON analytics_erasure EXECUTE FUNCTION refuse()
        """
    )
    return lambda: execute("DROP FUNCTION refuse() CASCADE")


def not_migrated(site: Site) -> Callable[[], None]:
    def rename(old: str, new: str) -> None:
        with psycopg.connect(site.rows.url, autocommit=True) as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")  # type: ignore[arg-type]

    rename("analytics_user_activity", "another_name")
    return lambda: rename("another_name", "analytics_user_activity")


@pytest.mark.parametrize("outage", [frozen, stopped, not_migrated, read_only], ids=lambda outage: outage.__name__)
def test_the_switch_works_and_a_deletion_asked_for_meanwhile_is_done_later(
    site: Site, outage: Callable[[Site], Callable[[], None]]
) -> None:
    made = site.manage("shell", "-c", MAKE_A_ROW)
    assert made.returncode == 0, made.stderr
    browser = site.signed_in()
    assert "row" in browser.get(f"{site.address}{PAGE}").text and site.stored() > 0
    end = outage(site)
    try:
        # None of these waits for the outage to end: nothing here ends it.
        with ThreadPoolExecutor(PEOPLE) as threads:
            pages = [threads.submit(browser.get, f"{site.address}{PAGE}", timeout=120) for _ in range(PEOPLE)]
            assert requests.get(f"{site.address}/healthz", timeout=120).status_code == 200
            answers = [page.result() for page in pages]
        assert [answer.status_code for answer in answers] == [200] * PEOPLE
        assert all('role="switch"' in answer.text for answer in answers)
        if outage is not read_only:
            assert all("are not available at the moment" in answer.text for answer in answers)
        for wanted, state in (("on", "true"), ("off", "false")):
            page = _posted(browser, f"{site.address}{PAGE}sharing/", {"sharing": wanted})
            assert page.status_code == 200 and f'aria-checked="{state}"' in page.text
        asked = _posted(browser, f"{site.address}{PAGE}delete/", {})
        assert asked.status_code == 200 and "Noted. Your data will be deleted" in asked.text
    finally:
        end()
    kept = site.manage("keep_telemetry")
    assert kept.returncode == 0 and "requested while the database was away: 1" in kept.stdout, kept.stderr
    assert site.stored() == 0
