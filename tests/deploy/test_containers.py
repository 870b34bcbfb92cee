"""The whole composition in containers: the main job through images that were built from the Dockerfiles.

Part of the long profile: TELEMETRY_TEST_PROFILE=long, with podman and the base images of both Dockerfiles.
"""

import re
from collections.abc import Iterator
from shutil import which

import pytest
import requests

from tests.acceptance.product import wait_until
from tests.deploy.containers import ADDRESSES, Composition, capabilities, composition
from tests.profile import LONG

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(3600),  # it builds both images
    pytest.mark.skipif(not LONG, reason="containers are of the long profile"),
    pytest.mark.skipif(LONG and which("podman") is None, reason="podman is not installed"),
]
PASSWORD = "a password of some length"
STATUS = "/api/users/telemetry/status"
KILLED_BY_SIGTERM = 128 + 15
OURS = ("site", "processor", "keep", "collector")


@pytest.fixture(scope="module")
def composed() -> Iterator[Composition]:
    file = {
        "SECRET_KEY": "a secret key of this test that is long and random enough: 8f14e45fceea467f",
        "TELEMETRY_HASH_KEY": "another key of this test that is long enough",
        "POSTGRES_PASSWORD": "letters4711",
        "OTEL_API_KEY": "a-key-of-the-processor",
        "ALLOWED_HOSTS": ADDRESSES["site"],
    }
    with composition(**file) as made:
        wait_until("the site", lambda: answers(made))
        yield made


def answers(composed: Composition) -> bool:
    return composed.inside("site", "python", "-c", HEALTH, ok=False).returncode == 0


HEALTH = f"import urllib.request; urllib.request.urlopen('http://{ADDRESSES['site']}:8000/readyz')"


class Person:
    """Somebody who signs in through the TLS proxy, by the API."""

    def __init__(self, composed: Composition, name: str) -> None:
        composed.run(
            "site",
            *("python", "manage.py", "createsuperuser", "--no-input", f"--username={name}", "--email="),
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )
        self._headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
        signed_in = self.call("POST", "/api/auth/login", json={"username": name, "password": PASSWORD})
        self._headers["Authorization"] = f"Bearer {signed_in.json()['session_token']}"

    def call(self, method: str, path: str, **options: object) -> requests.Response:
        address = f"http://{ADDRESSES['site']}:8000{path}"
        answer = requests.request(method, address, headers=self._headers, timeout=60, **options)  # type: ignore[arg-type]
        assert answer.ok, (path, answer.status_code, answer.text[:500])
        return answer

    def rows(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.call("GET", "/api/users/telemetry/data").json()["results"]
        return found


def main_job(composed: Composition, name: str) -> None:
    """Switch on, use, see rows, see them counted, erase."""
    person = Person(composed, name)
    person.call("GET", STATUS)
    assert person.call("PUT", "/api/users/telemetry/enable").json()["telemetry_enabled"] is True
    for _ in range(3):
        person.call("GET", STATUS)
    # Not by the API, whose own requests would be the newest rows.
    wait_until("rows", lambda: number(composed, "count(*) FROM analytics_endpoint_usage") == 3)
    assert {row["endpoint"] for row in person.rows()} == {STATUS}

    composed.run("keep", "python", "manage.py", "keep_telemetry")
    assert counted(composed) == 3

    person.call("PUT", "/api/users/telemetry/disable")
    person.call("DELETE", "/api/users/telemetry/data")
    assert person.rows() == []
    wait_until("the corrected reports", lambda: counted(composed) == 0)


def counted(composed: Composition) -> int:
    return number(composed, "coalesce(sum(requests), 0) FROM analytics_daily_endpoint")


def number(composed: Composition, what: str) -> int:
    """A number about STATUS, from the database."""
    address = f"postgres://rhesis:{composed.file['POSTGRES_PASSWORD']}@{ADDRESSES['postgres']}/rhesis"
    query = f"SELECT {what} WHERE endpoint = '{STATUS}'"
    return int(composed.inside("postgres", "psql", address, "-Atc", query).stdout)


def test_the_main_job_as_one_role_and_with_a_role_for_each_process(composed: Composition) -> None:
    main_job(composed, "ada")

    printed = composed.run("prepare", "python", "manage.py", "grant_roles")
    addresses = re.findall(r"postgres\S+", printed)
    for role in ("site", "processor", "keeper"):
        [address] = [each for each in addresses if f"//rhesis_{role}:" in each]
        composed.file[f"{role.upper()}_DATABASE_URL"] = address.strip("'\"")
    for service in ("site", "processor", "keep"):
        composed.stop(service)
        composed.start(service)
    wait_until("the site", lambda: answers(composed))
    main_job(composed, "grace")


@pytest.mark.parametrize("service", OURS)
def test_no_process_has_a_capability_or_can_write_outside_its_volumes(composed: Composition, service: str) -> None:
    assert capabilities(composed, service) == ("0000000000000000", "1")
    if service == "collector":
        return  # its image has no program to try it with
    written = composed.inside(service, "python", "-c", "open('/app/x', 'w')", ok=False)
    assert "Read-only file system" in written.stderr


@pytest.mark.parametrize("service", OURS)
def test_every_process_ends_in_peace_and_comes_back(composed: Composition, service: str) -> None:
    # The keeper has nothing to finish: what it had not committed is done again.
    assert composed.stop(service) == (KILLED_BY_SIGTERM if service == "keep" else 0)
    composed.start(service)
