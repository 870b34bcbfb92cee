"""Where rows live elsewhere: a request travels as an event to a real processor, until that has acknowledged it.

The site and the processor of these tests share a database, and so the table of erasures: on it the site's own requests
are those that `pending` or `acknowledged` tell apart; what the processor did shows in the rows.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from accounts.models import User
from analytics.collect import pipeline
from analytics.erasure import elsewhere
from analytics.erasure.elsewhere import send_erasure_request
from analytics.erasure.here import erase_received
from analytics.identity import secrets_of
from analytics.ingest.serve import Processor
from analytics.ingest.verdict import NO_SENDER, Reason, Verdict
from analytics.ingest.write import REJECTED, Writer
from analytics.keep.rollups import roll_up
from analytics.models import Erasure, Tombstone, TouchedDay, UserActivity
from analytics.vocabulary import Category
from privacy.models import Action, ConsentEvent, PendingErasure, Preference
from tests.acceptance.product import free_port, wait_until
from tests.analytics.ingest import packed
from tests.analytics.keep.conftest import conninfo
from tests.analytics.keep.rows import activity, execute, rolled_up, silently
from tests.analytics.keep.test_kill import started
from tests.support.clock import Clock
from tests.support.people import a_person, alias_of, salt, with_token
from tests.support.threads import ended
from tests.support.wire import Wire

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

API = "/api/users/telemetry"
# The thread that tries once while nobody waits. What it does not achieve is a command's, so a test of a command lets it
# come to its end first.
SENDS_AT_ONCE = "telemetry-erasure"


@pytest.fixture
def processor(settings: Any) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Starts the processor this site sends to; until then nobody answers there."""
    port = free_port()
    settings.TELEMETRY_STORED_HERE = "false"
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://127.0.0.1:{port}"
    settings.OTEL_EXPORTER_OTLP_PROTOCOL = "grpc"
    settings.SECURE_SSL_REDIRECT = False

    @contextmanager
    def running() -> Iterator[None]:
        started = Processor(f"127.0.0.1:{port}", conninfo(), erase=erase_received)
        started.start()
        try:
            yield
        finally:
            started.stop()

    # Requests to delete have a wire of their own; other telemetry of this process is none of these tests' business.
    with pipeline.replaced(Wire):
        yield running


@pytest.fixture
def somebody(months: None) -> User:
    """Somebody of whom there, far away, are two rows."""
    user = a_person()
    store_again(user)
    return user


def store_again(user: User) -> None:
    rows = [activity(1, timezone.now() - timedelta(days=days)) for days in (1, 2)]
    for row in rows:
        row.user_id = alias_of(user)
    rolled_up(rows)


def said(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def asked(user: User) -> Erasure:
    """The site's own receipt of the person's latest request."""
    line = ConsentEvent.objects.filter(user_id=user.pk, action=Action.ERASURE_REQUESTED).latest("recorded_at")
    return Erasure.objects.get(pk=line.pk)


def test_a_request_is_repeated_until_a_processor_takes_it_and_there_it_is_honoured(
    processor: Callable[[], AbstractContextManager[None]], somebody: User, clock: Clock
) -> None:
    receipt = with_token(somebody).delete(f"{API}/data").json()
    assert receipt["completed_at"] is None
    ended(SENDS_AT_ONCE)
    for _ in range(2):
        with pytest.raises(CommandError, match="they stay pending"):
            said("send_pending_erasures")
        assert UserActivity.objects.count() == 2
    with processor():
        assert "1 accepted, 0 waiting" in said("send_pending_erasures")
        assert "0 accepted, 0 waiting" in said("send_pending_erasures")
    assert UserActivity.objects.count() == 0
    (followed, *_) = with_token(somebody).get(receipt["follow_at"]).json()["results"]
    assert followed["completed_at"] is not None


def test_the_processor_that_honours_it_corrects_the_reports_at_once(settings: Any, somebody: User) -> None:
    """A real process of the command, and nobody keeps anything."""
    port = free_port()
    settings.TELEMETRY_STORED_HERE = "false"
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://127.0.0.1:{port}"
    settings.OTEL_EXPORTER_OTLP_PROTOCOL = "grpc"
    settings.SECURE_SSL_REDIRECT = False
    rolled_up([activity(7, timezone.now() - timedelta(days=1))])
    people = "SELECT day, people FROM analytics_daily_activity WHERE deployment_type = 'all' ORDER BY day"
    assert [number for _, number in execute(people)] == [1, 2]
    running = started("run_telemetry_processor", "--listen", f"127.0.0.1:{port}")
    try:
        assert running.stdout is not None and running.stdout.readline().startswith("listening")
        with pipeline.replaced(Wire):
            with_token(somebody).delete(f"{API}/data")
            wait_until("the reports", lambda: [number for _, number in execute(people)] == [1])
        wait_until("the cohorts", lambda: not TouchedDay.objects.exists())
    finally:
        running.terminate()
        assert running.wait(60) == 0


def test_the_request_is_sent_at_once_while_the_person_need_not_wait(
    processor: Callable[[], AbstractContextManager[None]], somebody: User
) -> None:
    with processor():
        with_token(somebody).delete(f"{API}/data")
        wait_until("the acknowledgement", lambda: asked(somebody).completed_at)
    assert UserActivity.objects.count() == 0


def test_a_database_that_fails_in_that_thread_is_one_line_and_the_request_stays_pending(
    processor: Callable[[], AbstractContextManager[None]],
    somebody: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(_: PendingErasure) -> bool:
        raise OperationalError("no database, and a row: alice@example.com")

    monkeypatch.setattr(elsewhere, "send", fails)
    with caplog.at_level(logging.WARNING):
        with_token(somebody).delete(f"{API}/data")
        ended(SENDS_AT_ONCE)
    assert "keep_telemetry will send it" in caplog.text and "alice" not in caplog.text
    assert PendingErasure.objects.exists()


def test_the_reports_there_are_corrected_by_the_next_rollup(
    processor: Callable[[], AbstractContextManager[None]], somebody: User
) -> None:
    with processor():
        said("erase_user_telemetry", somebody.username)
    roll_up(report=silently)
    assert execute("SELECT count(*) FROM analytics_daily_activity") == [(0,)]


def test_keep_telemetry_asks_again_too(
    processor: Callable[[], AbstractContextManager[None]], somebody: User, clock: Clock
) -> None:
    with_token(somebody).delete(f"{API}/data")
    ended(SENDS_AT_ONCE)
    with processor():
        assert "4/4 deletions elsewhere: 1 accepted, 0 waiting" in said("keep_telemetry")
    assert UserActivity.objects.count() == 0


def test_the_salt_is_kept_until_the_request_is_acknowledged_and_no_longer(
    processor: Callable[[], AbstractContextManager[None]], somebody: User, clock: Clock
) -> None:
    old = salt(somebody)
    with_token(somebody).delete(f"{API}/data")
    ended(SENDS_AT_ONCE)
    assert PendingErasure.objects.get().salt == old != salt(somebody)
    with processor():
        said("send_pending_erasures")
    assert not PendingErasure.objects.exists() and asked(somebody).completed_at is not None


def test_rows_under_previous_keys_are_deleted_there_too(
    processor: Callable[[], AbstractContextManager[None]], somebody: User, settings: Any
) -> None:
    settings.TELEMETRY_HASH_KEY = "the key of the second year"
    settings.TELEMETRY_HASH_KEY_PREVIOUS = "derived"
    store_again(somebody)
    assert len(set(UserActivity.objects.values_list("user_id", flat=True))) == 2
    with processor():
        assert "1 accepted, 0 waiting" in said("erase_user_telemetry", somebody.username)
    assert UserActivity.objects.count() == 0


def test_once_it_is_acknowledged_the_site_knows_the_tombstone_and_can_log_it(
    processor: Callable[[], AbstractContextManager[None]], somebody: User, tmp_path: Path
) -> None:
    """Should a backup bring the salt back, a replay destroys it."""
    old, whose, log = salt(somebody), alias_of(somebody), tmp_path / "erasures.jsonl"
    with processor():
        said("erase_user_telemetry", somebody.username)
    said("erase_user_telemetry", "--save-log", str(log))
    Tombstone.objects.all().delete()
    Preference.objects.filter(pk=somebody.pk).update(salt=old)
    said("erase_user_telemetry", "--replay", "--log", str(log))
    assert alias_of(somebody) != whose


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("by_command", [True, False], ids=["by command", "in the thread"])
def test_once_it_is_acknowledged_nothing_says_whose_a_tombstone_is_nor_in_what_order_they_came(
    monkeypatch: pytest.MonkeyPatch, *, by_command: bool
) -> None:
    """No processor shares this site's database, and none corrects reports here."""
    monkeypatch.setattr(elsewhere, "send_erasure_request", lambda *_: True)
    for person in (a_person() for _ in range(5)):
        if by_command:
            said("erase_user_telemetry", person.username)
        else:
            with_token(person).delete(f"{API}/data")
            ended(SENDS_AT_ONCE)
    assert set(Tombstone.objects.values_list("erasure_id", flat=True)) == {None}
    stored = execute("SELECT user_id, xmin::text FROM analytics_tombstone ORDER BY ctid")
    assert len(stored) == 5 and [user_id for user_id, _ in stored] == sorted(user_id for user_id, _ in stored)
    assert len({transaction for _, transaction in stored}) == 1


def test_rows_of_the_erased_pseudonym_are_refused_however_late_they_come(
    processor: Callable[[], AbstractContextManager[None]], somebody: User
) -> None:
    old = alias_of(somebody)
    with processor():
        said("erase_user_telemetry", somebody.username)
    now = asked(somebody).requested_at
    moments = (now - timedelta(seconds=1), now + timedelta(seconds=1))
    with Writer(conninfo(), slot=0) as writer:
        counts = writer.write(_rows(old, *moments), _rows(alias_of(somebody), *moments))
    assert counts[REJECTED, Reason.ERASED.value, NO_SENDER] == 2
    assert {row.user_id for row in UserActivity.objects.all()} == {alias_of(somebody)}


@pytest.mark.parametrize("days", [-800, 1, 800])
def test_a_request_is_honoured_however_wrong_the_clock_of_the_site_is(
    processor: Callable[[], AbstractContextManager[None]], somebody: User, days: int
) -> None:
    requested_at = timezone.now() + timedelta(days=days)
    with processor():
        assert send_erasure_request(secrets_of(somebody.pk, salt(somebody)), requested_at)
    assert UserActivity.objects.count() == 0
    assert (
        Erasure.objects.get().requested_at == requested_at
        if days < 0
        else Erasure.objects.get().requested_at <= timezone.now()
    )


def _rows(of: UUID, *moments: datetime) -> Verdict:
    found = Verdict(received=len(moments))
    for when in moments:
        found.rows[Category.USER_ACTIVITY].append(
            packed.row(Category.USER_ACTIVITY, "login", when=when, id_=uuid4(), person=of)
        )
    return found
