"""What load balancers ask: `/healthz` of the process alone, `/readyz` of the site's database too."""

from collections.abc import Iterator

import pytest
from django.db import DatabaseError
from django.test import Client

from rhesis_site import health
from tests.support.databases import scratch_database


@pytest.fixture(autouse=True)
def _nothing_is_known_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(health, "_schema_is_known", set())
    yield


@pytest.mark.django_db
def test_a_migrated_database_that_answers_is_ready() -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.text) == (200, "ready\n")
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_process_is_healthy_without_any_database() -> None:
    # Without the mark, pytest-django raises for each query.
    assert Client().get("/healthz").text == "ok\n"


@pytest.mark.django_db
def test_a_database_that_is_not_migrated_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "unapplied", lambda alias: ["privacy.0002_ledger"])
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready\n")
    assert "not migrated" in caplog.text


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_not_ready_and_strangers_learn_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(alias: str) -> list[str]:
        raise DatabaseError("password of somebody")

    monkeypatch.setattr(health, "unapplied", away)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready\n")
    assert "cannot be used" in caplog.text and "password" not in caplog.text


ASKING = """
from django.test import Client
for path in ("/healthz", "/readyz"):
    print(Client(raise_request_exception=False).get(path).status_code)
"""


def test_real_databases_that_are_away_or_empty(django_db_setup: None) -> None:
    with scratch_database() as empty:
        assert empty.manage("shell", "-v0", "-c", ASKING).stdout.split() == ["200", "503"]
        away = empty.manage("shell", "-v0", "-c", ASKING, DATABASE_URL="postgres://nobody:nothing@127.0.0.1:9/none")
        assert away.stdout.split() == ["200", "503"] and "no server listens there" in away.stderr
