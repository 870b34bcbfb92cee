"""The exporter: the authority on what leaves the process."""

import time
from datetime import timedelta
from ssl import SSLCertVerificationError
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from analytics.collect import exporter as exporter_module
from analytics.collect import middleware, pipeline
from analytics.collect.records import RecordedSpan, Subject
from analytics.collect.transport.answers import Answer, Fate
from analytics.collect.transport.otlp_http import HttpTransport
from analytics.events import FeatureUse
from analytics.identity import Kind, pseudonym
from analytics.models import ExportTally
from privacy import choices
from privacy.clock import unix_ns
from privacy.elapsed import elapsed_ns
from privacy.gate import consents_for
from privacy.models import Preference, Source
from tests.acceptance.product import wait_until
from tests.support import collectors as c
from tests.support.clock import Clock
from tests.support.people import a_person, alias_of, signed_in, someone_who_shares
from tests.support.wire import TELEMETRY_ON, Wire, wired

pytestmark = pytest.mark.django_db(transaction=True)
HOUR_NS = 3_600_000_000_000


def recorded(
    user_id: UUID, *, began_elapsed_ns: int | None = None, organization_id: UUID | None = None, **metadata: Any
) -> RecordedSpan:
    now = time.time_ns()
    return RecordedSpan(
        Subject(user_id, organization_id, now, elapsed_ns() if began_elapsed_ns is None else began_elapsed_ns),
        FeatureUse("test_run", "created"),
        start_ns=now,
        end_ns=now,
        metadata=metadata,
    )


def tally() -> dict[tuple[str, str], int]:
    return {(line.outcome, line.reason): line.spans for line in ExportTally.objects.all()}


def choose(person: User, enabled: bool) -> None:
    choices.choose(person.pk, enabled=enabled, source=Source.API, actor_id=person.pk)


@pytest.mark.two_clocks
def test_a_batch_costs_a_fixed_number_of_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privacy.clock.READINGS", 1)
    people = [someone_who_shares() for _ in range(5)]
    Preference.objects.update(consenting_since=F("consenting_since") - timedelta(hours=1))
    with wired() as (wire, running):
        for person in people * 3:
            running.record(recorded(person.pk))
        with CaptureQueriesContext(connection) as queries:
            running.flush()
    assert len(wire.spans) == 15
    assert [query["sql"].split()[0] for query in queries] == [
        "SELECT",  # is anything left that may go: before there is a connection
        *("BEGIN", *["SELECT"] * 4, "ROLLBACK"),  # limits and lock, consent, clock, is the lock still held
        "--",  # the tally
    ]


def test_what_goes_out_has_pseudonyms_and_nothing_else_of_the_person() -> None:
    person = someone_who_shares()
    organization_id = uuid4()
    with wired() as (wire, running):
        running.record(recorded(person.pk, organization_id=organization_id, test_count=3))
        running.flush()
    assert wire.attributes() == [
        {
            "event.category": "feature_usage",
            "user.id": str(alias_of(person)),
            "organization.id": str(pseudonym(Kind.ORGANIZATION, organization_id)),
            "feature.name": "test_run",
            "feature.action": "created",
            "metadata.test_count": 3,
        }
    ]
    resource = wire.spans[0].resource.attributes
    assert set(resource) == {"service.name", "deployment.type"}
    assert wire.spans[0].parent is None


def test_withdrawing_empties_what_is_queued() -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        running.record(recorded(person.pk))
        choose(person, enabled=False)
        running.flush()
        assert wire.spans == []
        assert tally() == {("withheld", "choice"): 1}


def test_switching_off_and_on_again_does_not_bring_back_what_was_before() -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        running.record(recorded(person.pk))
        choose(person, enabled=False)
        choose(person, enabled=True)
        running.flush()
        assert wire.spans == [] and tally() == {("withheld", "before_consent"): 1}
        running.record(recorded(person.pk))
        running.flush()
        assert len(wire.spans) == 1


def test_a_request_that_began_before_consent_stays_here() -> None:
    began = elapsed_ns()
    person = someone_who_shares()
    with wired() as (wire, running):
        running.record(recorded(person.pk, began_elapsed_ns=began))
        running.flush()
    assert wire.spans == [] and tally() == {("withheld", "before_consent"): 1}


@pytest.mark.parametrize("ahead_seconds", [-30, 30])
def test_clocks_of_hosts_that_differ_change_nothing(monkeypatch: pytest.MonkeyPatch, ahead_seconds: int) -> None:
    """The person visits one host, opts in at another, and visits the first again."""
    person = a_person()
    browser = signed_in(person)
    with wired() as (wire, running):
        monkeypatch.setattr(middleware, "time_ns", lambda: time.time_ns() + ahead_seconds * 1_000_000_000)
        assert browser.get("/api/users/telemetry/status").status_code == 200
        choose(person, enabled=True)
        assert browser.get("/api/users/telemetry/history").status_code == 200
        running.flush()
    assert [each["http.route"] for each in wire.of("endpoint_usage")] == ["/api/users/telemetry/history"]
    assert tally()["withheld", "before_consent"] == 1


@pytest.mark.parametrize(("after_ms", "going"), [(-1, 0), (0, 0), (49, 0), (50, 1), (51, 1)])
def test_what_cannot_be_shown_to_be_after_consent_stays_here(
    monkeypatch: pytest.MonkeyPatch, after_ms: int, going: int
) -> None:
    """The database's answers take fifty milliseconds: by so much a request may have begun earlier than it seems."""
    person = someone_who_shares()
    since = Preference.objects.get(pk=person.pk).consenting_since
    assert since is not None
    consented_ns, ms = unix_ns(since), 1_000_000
    # By this host's elapsed time the consent was at 1000 ms, and the database is asked at 2000 ms.
    monkeypatch.setattr("privacy.clock._reading", lambda: (2000 * ms, consented_ns + 1000 * ms, 2050 * ms))
    with wired() as (wire, running):
        running.record(recorded(person.pk, began_elapsed_ns=(1000 + after_ms) * ms))
        running.flush()
    assert len(wire.spans) == going


@pytest.mark.parametrize("error", [DatabaseError, RuntimeError, ValueError])
def test_if_consent_cannot_be_read_nothing_goes(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, error: type[Exception]
) -> None:
    person = someone_who_shares()

    def breaks(_: object) -> None:
        raise error

    monkeypatch.setattr(exporter_module, "consents_for", breaks)
    with wired() as (wire, running):
        running.record(recorded(person.pk))
        running.flush()
    assert wire.spans == [] and tally() == {("withheld", "consent_unreadable"): 1}


def test_of_a_person_deleted_meanwhile_nothing_goes() -> None:
    person, stays = someone_who_shares(), someone_who_shares()
    with wired() as (wire, running):
        running.record(recorded(person.pk))
        running.record(recorded(stays.pk))
        person.delete()
        running.flush()
    assert [each["user.id"] for each in wire.attributes()] == [str(alias_of(stays))]
    assert tally() == {("withheld", "user_gone"): 1, ("sent", ""): 1}


def test_what_was_queued_before_a_deletion_does_not_come_back_under_the_new_pseudonym() -> None:
    person = someone_who_shares()
    old = alias_of(person)
    with wired(TELEMETRY_STORED_HERE="true") as (wire, running):
        running.record(recorded(person.pk))
        choices.request_deletion(person.pk, source=Source.API, actor_id=person.pk)
        running.record(recorded(person.pk))
        running.flush()
    assert [each["user.id"] for each in wire.attributes()] == [str(alias_of(person))] != [str(old)]
    assert tally() == {("withheld", "before_consent"): 1, ("sent", ""): 1}


def test_person_session_and_object_have_pseudonyms_of_the_persons_salt_and_the_organization_has_not() -> None:
    person = someone_who_shares()
    with wired(TELEMETRY_STORED_HERE="true") as (wire, running):
        for _ in range(2):
            span = recorded(person.pk, organization_id=person.organization_id, test_id="4711")
            span.session_key = "one session"
            running.record(span)
            running.flush()
            choices.request_deletion(person.pk, source=Source.API, actor_id=person.pk)
    before, after = wire.attributes()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"user.id", "session.id", "metadata.test_id"}
    assert "4711" not in str(before)


def test_what_the_catalogue_no_longer_declares_stays_here() -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        running.record(recorded(person.pk, test_count=3, secret="a"))
        running.record(recorded(person.pk, test_count=-1))
        running.record(recorded(person.pk, test_count=1))
        running.flush()
    assert len(wire.spans) == 1 and tally() == {("withheld", "undeclared"): 2, ("sent", ""): 1}


@pytest.mark.parametrize(
    ("breaking", "reason"),
    [
        (None, "refused"),
        (RuntimeError("secret-in-a-message"), "broken"),
        (ConnectionResetError("secret-in-a-message"), "unreachable"),
        (TimeoutError("secret-in-a-message"), "timeout"),
        (SSLCertVerificationError("secret-in-a-message"), "tls"),
    ],
)
def test_a_collector_that_fails_is_counted_and_never_noticed(
    breaking: Exception | None, reason: str, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        wire.failing, wire.breaking = breaking is None, breaking
        running.record(recorded(person.pk))
        running.flush()
    assert tally() == {("failed", reason): 1}
    assert "secret-in-a-message" not in caplog.text


def test_what_the_collector_takes_and_then_rejects_is_counted_apart() -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        wire.answers = [Answer(Fate.TAKEN, rejected=1)]
        for _ in range(3):
            running.record(recorded(person.pk))
        running.flush()
    assert tally() == {("sent", ""): 2, ("failed", "rejected"): 1}


def test_every_recorded_span_is_accounted_for() -> None:
    sharing, refusing, gone = someone_who_shares(), a_person(), someone_who_shares()
    with wired() as (_, running):
        for person in (sharing, sharing, refusing, gone):
            running.record(recorded(person.pk))
        gone.delete()
        running.flush()
    assert sum(tally().values()) == 4


def test_the_counts_wait_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    person = someone_who_shares()
    with wired() as (_, running):
        monkeypatch.setattr("analytics.collect.tally.sql", lambda name: "SELECT no_such_column")
        running.record(recorded(person.pk))
        running.flush()
        assert tally() == {}
        monkeypatch.undo()
        running.record(recorded(person.pk))
        running.flush()
        assert tally() == {("sent", ""): 2}


def test_a_full_queue_drops_and_counts() -> None:
    person = someone_who_shares()
    wire = Wire()
    with wired(), pipeline.replaced(lambda: wire, queue_capacity=10) as running:
        # As if the exporter were busy, the queue's own thread is kept from it.
        with running._processor._batch_processor._export_lock:
            for _ in range(25):
                running.record(recorded(person.pk))
        running.flush()
    assert len(wire.spans) == 10 and tally() == {("sent", ""): 10, ("dropped", "queue_full"): 15}


def test_who_refuses_is_remembered_and_forgotten_as_soon_as_they_choose() -> None:
    person = a_person()
    with wired() as (_, running):
        assert not pipeline.hint.refuses(person.pk)
        running.record(recorded(person.pk))
        running.flush()
        assert pipeline.hint.refuses(person.pk)
        choose(person, enabled=True)
        assert not pipeline.hint.refuses(person.pk)


def test_whoever_was_refused_under_the_lock_is_asked_about_again_once_it_is_lifted() -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        choices.set_lock(locked=True, source=Source.ADMIN, actor_id=None)
        running.record(recorded(person.pk))
        running.flush()
        assert pipeline.hint.refuses(person.pk)
        choices.set_lock(locked=False, source=Source.ADMIN, actor_id=None)
        assert not pipeline.hint.refuses(person.pk)
        assert signed_in(person).get("/api/users/telemetry/status").status_code == 200
        running.flush()
    assert [each["http.route"] for each in wire.of("endpoint_usage")] == ["/api/users/telemetry/status"]


def test_a_choice_made_while_consent_is_read_is_not_forgotten_for_what_was_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = a_person()

    def read_then_choose(people: set[UUID]) -> object:
        decisions = consents_for(people)
        choose(person, enabled=True)
        return decisions

    with wired() as (_, running):
        monkeypatch.setattr(exporter_module, "consents_for", read_then_choose)
        running.record(recorded(person.pk))
        running.flush()
        assert not pipeline.hint.refuses(person.pk)


def test_a_pipeline_ends_and_the_next_span_starts_another() -> None:
    person = someone_who_shares()
    with wired() as (wire, first):
        running = pipeline.pipeline()
        assert running is first
        pipeline.stop()
        pipeline._of_process.started(lambda: pipeline.configured(lambda: wire))
        pipeline.record(recorded(person.pk))
        second = pipeline.pipeline()
        assert second is not None and second is not first
        second.flush()
        assert len(wire.spans) == 1


def test_the_wire_is_made_by_the_first_span_that_may_go() -> None:
    made: list[Wire] = []

    def make() -> Wire:
        made.append(Wire())
        return made[-1]

    refusing, sharing = a_person(), someone_who_shares()
    with wired(), pipeline.replaced(make) as running:
        running.record(recorded(refusing.pk))
        running.flush()
        assert made == []
        running.record(recorded(sharing.pk))
        running.flush()
        assert len(made) == 1 and len(made[0].spans) == 1


def test_what_no_time_is_left_for_when_the_process_ends_is_counted() -> None:
    """The collector hangs: the batch under way is ended, what is behind it is dropped, and nothing is forgotten."""
    person = someone_who_shares()
    with (
        c.http_collector(c.hangs) as taken,
        override_settings(**TELEMETRY_ON),
        pipeline.replaced(
            lambda: HttpTransport(taken.url, headers={}, compress=False),
            queue_capacity=10,
            batch_size=2,
            schedule_delay_seconds=86400,
        ) as running,
    ):
        for _ in range(6):
            running.record(recorded(person.pk))
        wait_until("the first batch to be under way", lambda: taken.bodies)
        pipeline.stop()
        wait_until("the counts", lambda: sum(tally().values()) == 6)
    assert len(taken.bodies) == 1
    assert tally()["dropped", "process_ended"] == 4


def test_an_end_has_two_and_a_half_seconds_to_send_and_one_to_count(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the five that a process may take; the SDK's queue and its thread are waited for no longer."""
    clock.still = True
    waits: list[tuple[str, float]] = []

    class Queue:
        _worker_thread = SimpleNamespace(join=lambda seconds: waits.append(("to count", seconds)))

        def shutdown(self, timeout_millis: int) -> None:
            waits.append(("to send", timeout_millis / 1000))

    with wired() as (_, running):
        monkeypatch.setattr(running._processor, "_batch_processor", Queue())
        running.stop()
        monkeypatch.undo()
        assert waits == [("to send", 2.5), ("to count", 1.0)]
        assert running._exporter.sender._ends_at == clock.now() + 2.5


def test_the_exporter_itself_holds_nothing_back_that_could_be_flushed() -> None:
    with wired() as (_, running):
        assert running._exporter.force_flush() is True


def test_the_provider_leaves_the_end_of_the_process_to_us() -> None:
    """Its own would export without a limit of time."""
    with wired() as (_, running):
        assert running.provider._atexit_handler is None


@pytest.mark.parametrize(("millis", "seconds"), [("50", 0.05), ("2000", 2.0)])
def test_the_queue_waits_as_long_as_is_asked_for(millis: str, seconds: float) -> None:
    with wired(OTEL_BSP_SCHEDULE_DELAY=millis) as (_, running):
        assert running._processor._batch_processor._schedule_delay == seconds


def test_settings_that_make_no_transport_are_counted() -> None:
    def made() -> Wire:
        raise ValueError("http/json")

    person = someone_who_shares()
    with override_settings(**TELEMETRY_ON), pipeline.replaced(made) as running:
        running.record(recorded(person.pk))
        running.flush()
    assert tally() == {("failed", "broken"): 1}


def test_a_flush_is_good_only_if_all_that_was_queued_went() -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        flushed = []
        for failing in (False, True, False):
            wire.failing = failing
            running.record(recorded(person.pk))
            flushed.append(running.flush())
    assert flushed == [True, False, True]


def test_no_connection_is_held_between_two_batches() -> None:
    person = someone_who_shares()
    with wired() as (_, running):
        running.record(recorded(person.pk))
        running.flush()
        assert connection.connection is None


def test_a_flush_inside_a_transaction_leaves_its_connection_alone() -> None:
    person = someone_who_shares()
    with wired() as (wire, running), transaction.atomic():
        mine = connection.connection
        running.record(recorded(person.pk))
        running.flush()
        assert connection.connection is mine
        assert someone_who_shares().pk  # the transaction goes on
    assert len(wire.spans) == 1
