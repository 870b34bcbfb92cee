"""Where rows live elsewhere: a request travels as an event to a real processor, until that has acknowledged it.

The site and the processor of these tests share a database, and so the table of erasures: on it the site's own requests
are those that `pending` or `acknowledged` tell apart; what the processor did shows in the rows.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from analytics.collect import pipeline
from analytics.erasure.elsewhere import send_erasure_request
from analytics.erasure.here import erase_received
from analytics.identity import Kind, pseudonym
from analytics.ingest.serve import Processor
from analytics.ingest.verdict import NO_SENDER, Reason, Verdict
from analytics.ingest.write import REJECTED, Writer
from analytics.keep.rollups import roll_up
from analytics.models import Erasure, TouchedDay, UserActivity
from analytics.vocabulary import Category
from tests.acceptance.product import free_port, wait_until
from tests.analytics.ingest import packed
from tests.analytics.keep.conftest import conninfo
from tests.analytics.keep.rows import activity, execute, rolled_up, silently
from tests.analytics.keep.test_kill import started
from tests.support.clock import Clock
from tests.support.people import a_person, with_token
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
        row.user_id = pseudonym(Kind.USER, user.pk)
    rolled_up(rows)


def said(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def asked(user: User) -> Erasure:
    return Erasure.objects.filter(user_id=pseudonym(Kind.USER, user.pk), rows_deleted={}).latest("requested_at")


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


def test_the_reports_there_are_corrected_by_the_next_rollup(
    processor: Callable[[], AbstractContextManager[None]], somebody: User
) -> None:
    with processor():
        said("erase_user_telemetry", somebody.username)
    roll_up(say=silently)
    assert execute("SELECT count(*) FROM analytics_daily_activity") == [(0,)]


def test_keep_telemetry_asks_again_too(
    processor: Callable[[], AbstractContextManager[None]], somebody: User, clock: Clock
) -> None:
    with_token(somebody).delete(f"{API}/data")
    ended(SENDS_AT_ONCE)
    with processor():
        assert "4/4 deletions elsewhere: 1 accepted, 0 waiting" in said("keep_telemetry")
    assert UserActivity.objects.count() == 0


def test_replay_has_what_a_backup_brought_back_there_deleted_again(
    processor: Callable[[], AbstractContextManager[None]], somebody: User
) -> None:
    with processor():
        said("erase_user_telemetry", somebody.username)
        Erasure.objects.all().delete()  # the far backup is from before; and this site has lost its table as well
        store_again(somebody)
        assert "1 accepted, 0 waiting" in said("erase_user_telemetry", "--replay")
    assert UserActivity.objects.count() == 0


def test_rows_from_before_the_request_are_refused_however_late_they_come(
    processor: Callable[[], AbstractContextManager[None]], somebody: User
) -> None:
    with processor():
        said("erase_user_telemetry", somebody.username)
    requested_at = asked(somebody).requested_at
    Erasure.objects.filter(pk=asked(somebody).pk).delete()  # the site's own; the processor's stays
    with Writer(conninfo(), slot=0) as writer:
        counts = writer.write(_rows(somebody, requested_at - timedelta(seconds=1), requested_at + timedelta(seconds=1)))
    assert counts[REJECTED, Reason.ERASED.value, NO_SENDER] == 1
    assert [row.timestamp for row in UserActivity.objects.all()] == [requested_at + timedelta(seconds=1)]


@pytest.mark.parametrize("days", [-800, 1, 800])
def test_a_request_is_honoured_however_wrong_the_clock_of_the_site_is(
    processor: Callable[[], AbstractContextManager[None]], somebody: User, days: int
) -> None:
    """A request from long ago deletes what is older than it; one of tomorrow cannot refuse what is done until then."""
    requested_at = timezone.now() + timedelta(days=days)
    with processor():
        assert send_erasure_request(pseudonym(Kind.USER, somebody.pk), requested_at)
    assert UserActivity.objects.count() == (2 if days < 0 else 0)
    tombstone = Erasure.objects.get().requested_at
    assert tombstone == requested_at if days < 0 else tombstone < timezone.now() + timedelta(minutes=11)


def _rows(user: User, *moments: datetime) -> Verdict:
    found = Verdict(received=len(moments))
    of = pseudonym(Kind.USER, user.pk)
    for when in moments:
        found.rows[Category.USER_ACTIVITY].append(
            packed.row(Category.USER_ACTIVITY, "login", when=when, id_=uuid4(), person=of)
        )
    return found
