"""An account that is deleted takes with it what was collected, and says nothing of those of whom nothing was."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from pytest_django import Settings

from accounts.models import User
from analytics.models import Erasure, Tombstone, UserActivity
from analytics.person import PersonalTelemetry
from privacy import choices
from privacy.models import Action, ConsentEvent, Source
from tests.privacy.test_api import store_rows
from tests.support.people import a_person, alias_of, someone_who_shares
from tests.support.wire import wired

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _stored_here() -> Iterator[None]:
    with wired(TELEMETRY_STORED_HERE="true"):
        yield


def requests_of(user_id: object) -> list[str]:
    events = ConsentEvent.objects.filter(user_id=user_id, action=Action.ERASURE_REQUESTED)
    return list(events.values_list("source", flat=True))


def rows_of(alias: object) -> int:
    return UserActivity.objects.filter(user_id=alias).count()


def test_the_rows_go_with_the_account_and_the_ledger_says_why() -> None:
    person, other = someone_who_shares(), someone_who_shares()
    store_rows(person)
    store_rows(other)
    user_id, alias = person.pk, alias_of(person)
    assert rows_of(alias)

    person.delete()

    assert rows_of(alias) == 0 and rows_of(alias_of(other))
    assert Erasure.objects.get().completed_at is not None and Tombstone.objects.filter(pk=alias).exists()
    assert requests_of(user_id) == [Source.ACCOUNT_DELETED]


def test_also_when_many_are_deleted_at_once() -> None:
    people = [someone_who_shares() for _ in range(3)]
    for person in people:
        store_rows(person)
    User.objects.filter(pk__in=[person.pk for person in people]).delete()
    assert not UserActivity.objects.exists()


def test_of_someone_who_never_shared_nothing_is_said_anywhere(settings: Settings) -> None:
    settings.TELEMETRY_STORED_HERE = "false"
    person = a_person()
    choices.choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)
    user_id = person.pk
    person.delete()
    assert not Erasure.objects.exists() and requests_of(user_id) == []


def test_someone_who_shared_by_default_shared(settings: Settings) -> None:
    settings.DEPLOYMENT_TYPE = "cloud"
    person = a_person()
    choices.note_notice_shown(person.pk, 1, browser_signal=False)
    alias = alias_of(person)
    person.delete()
    assert Erasure.objects.exists() and Tombstone.objects.filter(pk=alias).exists()


def test_where_telemetrys_database_is_away_the_account_goes_and_a_replay_deletes_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise DatabaseError

    person = someone_who_shares()
    store_rows(person)
    user_id, alias = person.pk, alias_of(person)
    with monkeypatch.context() as patch:
        patch.setattr(PersonalTelemetry, "erase", away)
        person.delete()
    assert not User.objects.filter(pk=user_id).exists() and rows_of(alias)
    assert requests_of(user_id) == [Source.ACCOUNT_DELETED]

    call_command("erase_user_telemetry", replay=True)
    assert rows_of(alias) == 0
