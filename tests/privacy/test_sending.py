"""Attempts and withdrawals meet at one lock: who came first is who the other waits for."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, connection, connections, transaction

from accounts.models import User
from privacy import choices, sending
from privacy.elapsed import elapsed
from privacy.gate import decision_for
from privacy.models import InstallationControl, Preference, Source
from tests.acceptance.product import wait_until
from tests.support.people import a_person, someone_who_shares

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def besides() -> Iterator[Callable[..., "Future[Any]"]]:
    """Does something in a thread, with a connection of its own."""

    def done(todo: Callable[[], Any]) -> Any:
        try:
            return todo()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        yield lambda todo: pool.submit(done, todo)


@contextmanager
def under_way(besides: Callable[..., "Future[Any]"]) -> Iterator[Callable[[], float]]:
    """An attempt in another thread, for as long as the block lasts."""
    begun, finish = threading.Event(), threading.Event()
    held: list[Callable[[], float]] = []

    def attempt() -> None:
        with sending.attempt() as still_held:
            held.append(still_held)
            begun.set()
            assert finish.wait(60)

    running = besides(attempt)
    assert begun.wait(60)
    try:
        yield held[0]
    finally:
        finish.set()
        running.result(60)


def waiting(longer_than: str = "0") -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareLock'"
            " AND clock_timestamp() - waitstart > %s::interval",
            [longer_than],
        )
        return bool(cursor.fetchone()[0])


def _delete(person: User) -> None:
    person.delete()


def switch_off(person: User) -> None:
    choices.choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)


WITHDRAWALS: list[Callable[[User], None]] = [
    switch_off,
    lambda person: choices.choose(person.pk, enabled=False, source=Source.ADMIN, actor_id=None),
    lambda person: choices.set_lock(locked=True, source=Source.ADMIN, actor_id=None),
    _delete,
]


@pytest.mark.parametrize("withdraw", WITHDRAWALS)
def test_a_withdrawal_is_answered_when_the_attempt_under_way_is_over(
    besides: Callable[..., "Future[Any]"], withdraw: Callable[[User], None]
) -> None:
    person = someone_who_shares()
    with under_way(besides):
        withdrawing = besides(lambda: withdraw(person))
        wait_until("the withdrawal to wait", waiting)
        assert not decision_for(person.pk).enabled, "it holds already, for whoever asks from now on"
        assert not withdrawing.done()
    withdrawing.result(60)


def test_the_first_signal_of_a_browser_is_answered_when_the_attempt_under_way_is_over(
    besides: Callable[..., "Future[Any]"], settings: Any
) -> None:
    settings.DEPLOYMENT_TYPE = "cloud"
    person = a_person()
    choices.note_notice_shown(person.pk, 1, browser_signal=False)
    with under_way(besides):
        withdrawing = besides(lambda: choices.note_browser_signal(person.pk))
        wait_until("the withdrawal to wait", waiting)
        assert not withdrawing.done()
    withdrawing.result(60)


@pytest.mark.parametrize("limit", ["statement_timeout", "transaction_timeout"])
def test_a_limit_of_the_database_does_not_cut_the_wait_short(besides: Callable[..., "Future[Any]"], limit: str) -> None:
    person = someone_who_shares()

    def limited() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET {limit} = '200ms'")
        switch_off(person)

    with under_way(besides):
        withdrawing = besides(limited)
        wait_until("the withdrawal to wait longer than that", lambda: withdrawing.done() or waiting("300ms"))
        assert not withdrawing.done()
    withdrawing.result(60)


def test_a_limit_of_the_database_does_not_end_an_attempt_that_counts_on_its_lock(
    besides: Callable[..., "Future[Any]"],
) -> None:
    person = someone_who_shares()
    with connection.cursor() as cursor:
        cursor.execute("SET transaction_timeout = '200ms'")
    try:
        with sending.attempt() as still_held:
            still_held()
            withdrawing = besides(lambda: switch_off(person))
            wait_until(
                "the withdrawal to wait longer than that",
                lambda: withdrawing.done() or besides(lambda: waiting("300ms")).result(60),
            )
            assert not withdrawing.done()
        withdrawing.result(60)
    finally:
        connection.close()  # the tables are emptied by another session, without that limit


def test_many_people_switched_off_at_once_are_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [someone_who_shares() for _ in range(3)]
    waits: list[bool] = []
    monkeypatch.setattr("privacy.choices.wait_for_attempts", lambda: waits.append(True))
    with transaction.atomic():
        for person in people:
            switch_off(person)
    assert waits == [True]


def test_who_asks_again_waits_as_well(besides: Callable[..., "Future[Any]"]) -> None:
    person = someone_who_shares()
    switch_off(person)
    with under_way(besides):
        again = besides(lambda: switch_off(person))
        wait_until("the second call to wait", waiting)
        assert not again.done()
    again.result(60)


def share(person: User) -> None:
    choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)


WHATEVER_ELSE: list[Callable[[User], object]] = [
    share,
    lambda person: choices.note_notice_shown(person.pk, 1, browser_signal=False),
    lambda person: choices.note_notice_shown(person.pk, 1, browser_signal=True),
    lambda person: choices.note_browser_signal(person.pk),
    lambda person: choices.dismiss_notice(person.pk, 1),
    lambda person: choices.publish_notice(title="T", body="B", actor_id=None),
    lambda person: choices.set_lock(locked=False, source=Source.ADMIN, actor_id=None),
    lambda person: choices.request_deletion(person.pk, source=Source.API, actor_id=person.pk),
    lambda person: decision_for(person.pk),
    lambda person: person.delete(),
]


@pytest.mark.parametrize("something", WHATEVER_ELSE)
def test_nothing_else_waits_for_an_attempt(
    besides: Callable[..., "Future[Any]"], something: Callable[[User], object]
) -> None:
    InstallationControl.objects.update(locked=True)
    person = a_person()
    with under_way(besides):
        besides(lambda: something(person)).result(60)


def test_attempts_do_not_wait_for_each_other(besides: Callable[..., "Future[Any]"]) -> None:
    with under_way(besides), under_way(besides), sending.attempt() as still_held:
        still_held()


def test_two_withdrawals_at_once_wait_for_the_attempt_and_not_for_each_other(
    besides: Callable[..., "Future[Any]"],
) -> None:
    people = [someone_who_shares() for _ in range(3)]
    with under_way(besides):
        all_of_them = [besides(lambda person=person: switch_off(person)) for person in people]
        wait_until("the choices", lambda: Preference.objects.filter(choice=False).count() == len(people))
    for each in all_of_them:
        each.result(60)


def test_an_attempt_does_not_begin_while_a_withdrawal_waits(besides: Callable[..., "Future[Any]"]) -> None:
    """Or a stream of attempts would keep it waiting for ever."""
    person = someone_who_shares()
    with under_way(besides):
        withdrawing = besides(lambda: switch_off(person))
        wait_until("the withdrawal to wait", waiting)
        with pytest.raises(DatabaseError), sending.attempt():
            raise AssertionError("it began")
    withdrawing.result(60)
    with sending.attempt() as still_held:
        still_held()


def test_an_attempt_whose_session_was_ended_finds_out_before_it_sends(besides: Callable[..., "Future[Any]"]) -> None:
    person = someone_who_shares()
    with sending.attempt() as still_held:
        ours = connection.connection.info.backend_pid
        besides(lambda: _end_session(ours)).result(60)
        switching = besides(lambda: switch_off(person))
        switching.result(60)
        with pytest.raises(sending.NoLongerHeld):
            still_held()
    assert not decision_for(person.pk).enabled, "the next who needs a connection has one"


def _end_session(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


def test_the_database_ends_an_attempt_that_is_silent_too_long(
    besides: Callable[..., "Future[Any]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a process that is frozen: the withdrawal need not wait for it to go on."""
    monkeypatch.setattr(sending, "ATTEMPT", sending.ATTEMPT.replace("'6s'", "'50ms'"))
    person = someone_who_shares()
    with sending.attempt() as still_held:
        besides(lambda: switch_off(person)).result(60)
        with pytest.raises(sending.NoLongerHeld):
            still_held()


def test_a_withdrawal_applies_even_if_its_wait_times_out(
    besides: Callable[..., "Future[Any]"], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "BARRIER", sending.BARRIER.replace("'8s'", "'10ms'"))
    person = someone_who_shares()
    with under_way(besides):
        switch_off(person)
        assert not besides(sending.wait_for_attempts).result(60)
    assert not decision_for(person.pk).enabled
    assert "did not wait" in caplog.text and str(person.pk) not in caplog.text
    assert sending.wait_for_attempts()


def test_inside_somebody_s_transaction_an_attempt_leaves_neither_lock_nor_settings(
    besides: Callable[..., "Future[Any]"],
) -> None:
    person = someone_who_shares()
    with transaction.atomic():
        Preference.objects.filter(pk=person.pk).update(dismissed_version=1)
        with sending.attempt() as still_held:
            still_held()
        besides(sending.wait_for_attempts).result(60)
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("0",)
    assert Preference.objects.get(pk=person.pk).dismissed_version == 1


def test_an_attempt_that_is_over_permits_nothing_any_more() -> None:
    with sending.attempt() as still_held:
        pass
    with pytest.raises(sending.NoLongerHeld):
        still_held()


def test_whatever_became_of_the_connection_the_next_who_needs_one_has_one() -> None:
    with pytest.raises(InterfaceError), sending.attempt():
        raise InterfaceError
    assert connection.connection is None
    assert sending.wait_for_attempts()


def test_a_withdrawal_does_not_break_where_a_connection_was_closed_in_the_middle_of_a_transaction(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with transaction.atomic():
        connection.close()
        assert not sending.wait_for_attempts()
        transaction.set_rollback(True)
    assert "did not wait" in caplog.text
    assert sending.wait_for_attempts()


def test_in_somebody_s_transaction_a_failure_leaves_the_connection_alone() -> None:
    with transaction.atomic():
        ours = connection.connection
        with pytest.raises(DatabaseError), sending.attempt():
            raise DatabaseError
        assert connection.connection is ours and someone_who_shares().pk


def test_a_withdrawal_waits_two_seconds_longer_than_any_attempt_lasts() -> None:
    with sending._locked(sending.BARRIER) as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("8s",)


def test_inside_a_transaction_that_shows_the_past_no_attempt_begins() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(DatabaseError, match="READ COMMITTED"), sending.attempt():
            raise AssertionError("it began")


def test_nobody_without_rights_on_the_table_can_hold_up_either() -> None:
    """Unlike an advisory lock, which every role of the database can take."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE ROLE somebody_of_bi")
        cursor.execute("GRANT somebody_of_bi TO CURRENT_USER WITH SET TRUE")
        cursor.execute("SET LOCAL ROLE somebody_of_bi")
        with pytest.raises(DatabaseError, match="permission denied"):
            cursor.execute("LOCK TABLE privacy_installation_control IN ACCESS SHARE MODE")
        transaction.set_rollback(True)


def test_bytes_may_leave_for_five_seconds_and_the_session_of_a_frozen_attempt_ends_after_six() -> None:
    with sending.attempt() as still_held:
        asked_at = elapsed.now()
        until = still_held()
        assert asked_at + 5 <= until <= elapsed.now() + 5
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("6s",)
