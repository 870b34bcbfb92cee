"""One clock for consent: the database's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from privacy import choices, clock
from privacy.clock import DatabaseClock, database_now, from_unix_us, read_database_clock, unix_ns, unix_us
from privacy.elapsed import elapsed_ns
from privacy.gate import decision_for
from privacy.models import ConsentEvent, InstallationControl, PrivacyNotice, Source
from tests.support.people import a_person
from tests.support.wire import TELEMETRY_ON

pytestmark = pytest.mark.django_db
MS = 1_000_000


def test_nanoseconds_are_exact() -> None:
    assert unix_ns(datetime(2026, 5, 1, 12, 0, 0, 123457, tzinfo=UTC)) == 1_777_636_800_123_457_000


def test_microseconds_lead_back_to_the_moment() -> None:
    moment = datetime(2026, 5, 1, 12, 0, 0, 123457, tzinfo=UTC)
    assert from_unix_us(unix_us(moment)) == moment


@pytest.mark.parametrize(
    ("readings", "ahead_ms", "asked"),
    [
        # (asked, the database's clock, answered): what counts is that the clock was read before the answer came
        ([(0, 1000, 1)], 999, 1),
        ([(0, 1000, 50), (60, 1055, 61)], 994, 2),
        ([(0, 1000, 50), (60, 1055, 90), (100, 1100, 120)], 980, 3),
        ([(0, 1000, 50), (60, 1055, 90), (100, 1100, 200)], 965, 3),
    ],
)
def test_the_best_of_a_few_readings_counts(
    monkeypatch: pytest.MonkeyPatch, readings: list[tuple[int, int, int]], ahead_ms: int, asked: int
) -> None:
    left = list(readings)
    monkeypatch.setattr(clock, "_reading", lambda: tuple(each * MS for each in left.pop(0)))
    assert read_database_clock() == DatabaseClock(ahead_ms * MS)
    assert len(readings) - len(left) == asked


@pytest.mark.two_clocks
def test_a_moment_of_this_host_is_never_dated_later_than_it_was() -> None:
    for _ in range(20):
        before = unix_ns(database_now())
        at = elapsed_ns()
        after = unix_ns(database_now())
        earliest = read_database_clock().earliest_ns(at)
        assert earliest <= after
        assert earliest > before - 60_000 * MS, "nor nonsense"


def test_the_clock_goes_on_inside_a_transaction() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        first = database_now()
        cursor.execute("SELECT pg_sleep(0.002)")
        assert database_now() > first


@pytest.mark.parametrize("wrong", [timedelta(seconds=30), timedelta(seconds=-30), timedelta(days=400)])
def test_whatever_this_host_s_clock_says_choices_are_dated_by_the_database(
    settings: Any, monkeypatch: pytest.MonkeyPatch, wrong: timedelta
) -> None:
    settings.DEPLOYMENT_TYPE = "cloud"
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = TELEMETRY_ON["OTEL_EXPORTER_OTLP_ENDPOINT"]
    person, by_default, signalling = a_person(), a_person(), a_person()
    host = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: host() + wrong)
    began = database_now()

    choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
    choices.note_notice_shown(by_default.pk, 1, browser_signal=False)
    choices.note_browser_signal(signalling.pk)
    choices.set_lock(locked=True, source=Source.ADMIN, actor_id=None)
    choices.set_lock(locked=False, source=Source.ADMIN, actor_id=None)
    notice = choices.publish_notice(title="T", body="B", actor_id=None)

    ended = database_now()
    changed_at = InstallationControl.objects.get().changed_at
    assert changed_at is not None and began <= changed_at <= ended
    assert decision_for(person.pk).since == decision_for(by_default.pk).since == changed_at
    assert began <= PrivacyNotice.objects.get(pk=notice.pk).published_at <= ended
    assert all(began <= at <= ended for at in ConsentEvent.objects.values_list("recorded_at", flat=True))
