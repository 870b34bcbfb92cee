"""Who may change what, what the ledger says of it, and what an installation's change of type does to people."""

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.test import override_settings

from accounts.models import User
from analytics.person import PersonalTelemetry
from privacy import choices, telemetry
from privacy.consent import Reason
from privacy.gate import decision_for
from privacy.models import Action, ConsentEvent, InstallationControl, Preference, PrivacyNotice, Source
from privacy.signals import consent_changed
from tests.support.people import a_person, someone_who_shares
from tests.support.wire import TELEMETRY_ON

pytestmark = pytest.mark.django_db
CLOUD = {**TELEMETRY_ON, "DEPLOYMENT_TYPE": "cloud"}
SELF_HOSTED = {**TELEMETRY_ON, "DEPLOYMENT_TYPE": "self_hosted"}


def ledger(user: User) -> list[tuple[str, str]]:
    """Action and source of the person's lines, oldest first."""
    return list(ConsentEvent.objects.filter(user_id=user.pk).order_by("recorded_at").values_list("action", "source"))


def test_only_the_person_switches_on() -> None:
    person, staff = a_person(), a_person(is_staff=True)
    for actor in (staff.pk, None, uuid4()):
        with pytest.raises(PermissionDenied), transaction.atomic():
            choices.choose(person.pk, enabled=True, source=Source.ADMIN, actor_id=actor)
    assert not Preference.objects.filter(pk=person.pk).exists() and ledger(person) == []


def test_staff_may_switch_off_and_the_ledger_says_who() -> None:
    person, staff = someone_who_shares(), a_person(is_staff=True)
    with override_settings(**SELF_HOSTED):
        assert choices.choose(person.pk, enabled=False, source=Source.ADMIN, actor_id=staff.pk).enabled is False
    event = ConsentEvent.objects.get(user_id=person.pk, action=Action.DISABLED)
    assert (event.actor_id, event.source) == (staff.pk, Source.ADMIN)


def test_choosing_the_same_again_writes_nothing() -> None:
    person = someone_who_shares()
    stored = Preference.objects.filter(pk=person.pk).values().get()
    choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
    assert ledger(person) == [(Action.ENABLED, Source.API)]
    assert Preference.objects.filter(pk=person.pk).values().get() == stored


def test_off_and_on_again_begins_a_new_stretch() -> None:
    person = someone_who_shares()
    with override_settings(**SELF_HOSTED):
        first = decision_for(person.pk).since
        for enabled in (False, True):
            choices.choose(person.pk, enabled=enabled, source=Source.API, actor_id=person.pk)
        second = decision_for(person.pk).since
    assert first is not None and second is not None and second > first


def test_saying_expressly_what_holds_by_default_interrupts_nothing() -> None:
    person = a_person()
    with override_settings(**CLOUD):
        choices.note_notice_shown(person.pk, 1, browser_signal=False)
        by_default = decision_for(person.pk)
        assert by_default.reason is Reason.CLOUD_DEFAULT
        chosen = choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
    assert chosen.reason is Reason.CHOICE and chosen.since == by_default.since


def test_in_the_cloud_consent_begins_when_the_notice_is_shown() -> None:
    person = a_person()
    with override_settings(**CLOUD):
        assert decision_for(person.pk).reason is Reason.NOTICE_NOT_SHOWN
        choices.note_notice_shown(person.pk, 1, browser_signal=False)
        assert decision_for(person.pk).enabled
        since = decision_for(person.pk).since
        choices.note_notice_shown(person.pk, 1, browser_signal=False)
        assert decision_for(person.pk).since == since
    assert ledger(person) == [(Action.NOTICE_SHOWN, Source.NOTICE)]


@pytest.mark.parametrize("enabled", [True, False])
def test_the_first_notice_after_a_choice_begins_nothing_anew(enabled: bool) -> None:
    """What was recorded since the choice would count as from before consent, and be lost."""
    person = a_person()
    with override_settings(**CLOUD):
        choices.choose(person.pk, enabled=enabled, source=Source.API, actor_id=person.pk)
        before = decision_for(person.pk), Preference.objects.get(pk=person.pk).consenting_since
        choices.note_notice_shown(person.pk, 1, browser_signal=False)
        after = decision_for(person.pk), Preference.objects.get(pk=person.pk).consenting_since
    assert after == before
    assert (Action.NOTICE_SHOWN, Source.NOTICE) in ledger(person)


def test_a_notice_read_where_sharing_is_off_is_no_consent_once_the_installation_is_a_cloud_one() -> None:
    person = a_person()
    with override_settings(**SELF_HOSTED):
        choices.note_notice_shown(person.pk, 1, browser_signal=False)
        choices.dismiss_notice(person.pk, 1)
        assert decision_for(person.pk).reason is Reason.SELF_HOSTED_DEFAULT
    with override_settings(**CLOUD):
        assert decision_for(person.pk).reason is Reason.NOTICE_NOT_SHOWN
        choices.note_notice_shown(person.pk, 1, browser_signal=False)
        assert decision_for(person.pk).reason is Reason.CLOUD_DEFAULT


@pytest.mark.parametrize("signal_first", [True, False])
def test_a_browser_that_asks_not_to_be_tracked_is_believed_until_the_person_chooses(signal_first: bool) -> None:
    person = a_person()
    with override_settings(**CLOUD):
        if signal_first:
            choices.note_browser_signal(person.pk)
        choices.note_notice_shown(person.pk, 1, browser_signal=not signal_first)
        assert decision_for(person.pk).reason is Reason.BROWSER_SIGNAL
        assert choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk).enabled
        choices.note_browser_signal(person.pk)
        assert decision_for(person.pk).enabled, "the person's own word stands above the browser's"


def test_a_first_signal_changes_nothing_for_who_has_chosen_and_ends_what_is_on_by_default() -> None:
    chose, by_default = a_person(), a_person()
    with override_settings(**CLOUD):
        choices.choose(chose.pk, enabled=True, source=Source.API, actor_id=chose.pk)
        choices.note_notice_shown(by_default.pk, 1, browser_signal=False)
        before = decision_for(chose.pk)
        for person in (chose, by_default):
            choices.note_browser_signal(person.pk)
        assert decision_for(chose.pk) == before
        assert decision_for(by_default.pk).reason is Reason.BROWSER_SIGNAL
    assert Preference.objects.get(pk=by_default.pk).consenting_since is None


@pytest.fixture
def announced() -> Iterator[list[tuple[UUID | None, bool]]]:
    """Whom each announcement of a change was about, and whether they share now."""
    found: list[tuple[UUID | None, bool]] = []

    def hear(*, user_id: UUID | None, enabled: bool, **_: object) -> None:
        found.append((user_id, enabled))

    consent_changed.connect(hear)
    yield found
    consent_changed.disconnect(hear)


@pytest.mark.django_db(transaction=True)
def test_each_change_is_announced_once_with_what_holds_then(announced: list[tuple[UUID | None, bool]]) -> None:
    person = a_person()
    with override_settings(**CLOUD):
        choices.note_notice_shown(person.pk, 1, browser_signal=False)
        for _ in range(2):
            choices.note_browser_signal(person.pk)
        for enabled in (True, True, False):
            choices.choose(person.pk, enabled=enabled, source=Source.API, actor_id=person.pk)
        for locked in (True, False):
            choices.set_lock(locked=locked, source=Source.ADMIN, actor_id=None)
    assert announced == [
        (person.pk, True),
        (person.pk, False),
        (person.pk, True),
        (person.pk, False),
        (None, False),
        (None, True),
    ]


def test_a_new_notice_changes_nobodys_choice() -> None:
    shares, refuses = someone_who_shares(), someone_who_shares()
    choices.choose(refuses.pk, enabled=False, source=Source.API, actor_id=refuses.pk)
    before = list(Preference.objects.order_by("pk").values())
    published = choices.publish_notice(title="More", body="About it", actor_id=shares.pk)
    assert list(Preference.objects.order_by("pk").values()) == before
    assert published.version == 2 and PrivacyNotice.objects.count() == 2
    event = ConsentEvent.objects.get(action=Action.NOTICE_PUBLISHED)
    assert (event.user_id, event.actor_id, event.notice_version) == (None, shares.pk, 2)


def test_where_there_is_no_notice_yet_the_first_one_has_version_1() -> None:
    PrivacyNotice.objects.all().delete()
    assert choices.publish_notice(title="The first", body="About it", actor_id=None).version == 1


def test_a_notice_never_shown_cannot_be_dismissed() -> None:
    person = a_person()
    choices.dismiss_notice(person.pk, 7)
    assert Preference.objects.get(pk=person.pk).dismissed_version == 0
    choices.note_notice_shown(person.pk, 1, browser_signal=False)
    choices.dismiss_notice(person.pk, 7)
    assert Preference.objects.get(pk=person.pk).dismissed_version == 1


def test_the_lock_is_in_the_ledger_once_for_each_turn() -> None:
    for locked in (True, True, False, False):
        choices.set_lock(locked=locked, source=Source.ADMIN, actor_id=None)
    actions = ConsentEvent.objects.order_by("recorded_at").values_list("action", flat=True)
    assert list(actions) == [Action.LOCKED, Action.UNLOCKED]


WRITERS: dict[str, Callable[[UUID], object]] = {
    "choose": lambda who: choices.choose(who, enabled=False, source=Source.API, actor_id=who),
    "notice": lambda who: choices.note_notice_shown(who, 1, browser_signal=True),
    "dismiss": lambda who: choices.dismiss_notice(who, 1),
    "publish": lambda who: choices.publish_notice(title="More", body="About it", actor_id=who),
    "signal": choices.note_browser_signal,
    "lock": lambda who: choices.set_lock(locked=True, source=Source.ADMIN, actor_id=None),
}


def breaks(*_: object, **__: object) -> None:
    raise DatabaseError


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", WRITERS)
def test_each_brings_a_transaction_of_its_own_and_does_all_or_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything() -> list[object]:
        return [list(model.objects.values()) for model in (Preference, InstallationControl, PrivacyNotice)]

    person = someone_who_shares()
    before = everything()
    with override_settings(**CLOUD):
        if name != "dismiss":  # which the ledger has no line of
            monkeypatch.setattr(choices, "_record", breaks)
            with pytest.raises(DatabaseError):
                WRITERS[name](person.pk)
            assert everything() == before
            monkeypatch.undo()
        WRITERS[name](person.pk)
    assert everything() != before


def test_a_deletion_that_the_rows_database_cannot_take_is_in_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    person = someone_who_shares()
    monkeypatch.setattr(PersonalTelemetry, "erase", breaks)
    receipt = choices.request_deletion(person.pk, source=Source.API, actor_id=person.pk)
    assert (Action.ERASURE_REQUESTED, Source.API) in ledger(person)
    assert receipt.completed_at is None and receipt.status.startswith("Noted.")
    assert receipt.id == ConsentEvent.objects.get(action=Action.ERASURE_REQUESTED, user_id=person.pk).pk


def test_a_command_reports_a_failed_deletion_and_records_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    person = someone_who_shares()
    monkeypatch.setattr(PersonalTelemetry, "erase", breaks)
    with pytest.raises(DatabaseError):
        choices.request_deletion(person.pk, source=Source.COMMAND, actor_id=None)
    assert (Action.ERASURE_REQUESTED, Source.COMMAND) not in ledger(person)


@pytest.mark.django_db(transaction=True)
def test_a_deletion_whose_line_in_the_ledger_is_lost_was_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and ledger may be in one database: its connection is lost with the line that is not committed."""

    def loses_the_connection(*_: object, **__: object) -> None:
        connection.close()
        raise OperationalError

    person = someone_who_shares()
    monkeypatch.setattr(PersonalTelemetry, "erase", loses_the_connection)
    with pytest.raises((DatabaseError, InterfaceError)):
        choices.request_deletion(person.pk, source=Source.API, actor_id=person.pk)
    assert (Action.ERASURE_REQUESTED, Source.API) not in ledger(person)


@pytest.mark.parametrize(
    ("source", "goes_on"), [(Source.API, True), (Source.SETTINGS_PAGE, True), (Source.COMMAND, False)]
)
def test_a_deletion_goes_on_in_a_thread_where_the_process_does_and_names_the_notice_seen(
    monkeypatch: pytest.MonkeyPatch, source: Source, goes_on: bool
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(PersonalTelemetry, "erase", lambda self, pending, go_on: asked.append(go_on))
    seen, unseen = a_person(), a_person()
    choices.note_notice_shown(seen.pk, 1, browser_signal=False)
    for person in (seen, unseen):
        choices.request_deletion(person.pk, source=source, actor_id=None)
    assert asked == [goes_on, goes_on]
    lines = ConsentEvent.objects.filter(action=Action.ERASURE_REQUESTED).values_list("user_id", "notice_version")
    assert dict(lines) == {seen.pk: 1, unseen.pk: None}


def test_where_nothing_is_collected_there_is_nothing_to_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_current", telemetry.Telemetry())
    with pytest.raises(choices.NothingToDelete):
        choices.request_deletion(a_person().pk, source=Source.API, actor_id=None)
