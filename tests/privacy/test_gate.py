"""The gate reads what is stored, in one query, and is shut where it cannot."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from privacy import choices
from privacy.clock import database_now
from privacy.consent import Reason
from privacy.gate import consents_for, current_control, dated_consent, decision_for, decisions_for
from privacy.models import InstallationControl, Source
from tests.support.people import a_person, someone_who_shares
from tests.support.wire import TELEMETRY_ON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _telemetry_on() -> object:
    with override_settings(**TELEMETRY_ON):
        yield


def test_many_people_cost_one_query_and_get_what_each_gets_alone() -> None:
    shares, undecided, refuses = someone_who_shares(), a_person(), someone_who_shares()
    choices.choose(refuses.pk, enabled=False, source=Source.API, actor_id=refuses.pk)
    people = [shares.pk, undecided.pk, refuses.pk]
    with CaptureQueriesContext(connection) as queries:
        decisions = decisions_for([*people, uuid4()])
    assert len(queries) == 1
    assert [decisions[pk].enabled for pk in people] == [True, False, False]
    assert decisions == {pk: decision_for(pk) for pk in people}


def test_someone_who_does_not_exist_permits_nothing() -> None:
    assert decision_for(uuid4()).enabled is False


def test_without_the_row_of_the_lock_the_gate_is_shut() -> None:
    person = someone_who_shares()
    assert decision_for(person.pk).enabled and not current_control().locked
    InstallationControl.objects.all().delete()
    assert decision_for(person.pk).reason is Reason.OPERATOR_LOCK and current_control().locked


def test_the_lock_is_as_it_was_last_set() -> None:
    for locked in (True, False):
        choices.set_lock(locked=locked, source=Source.ADMIN, actor_id=None)
        assert current_control().locked is locked


def test_a_decision_is_dated_by_the_moment_it_was_read() -> None:
    person = someone_who_shares()
    before = database_now()
    consent, now = dated_consent(person.pk) or pytest.fail("nobody")
    assert consent.decision == decision_for(person.pk) and before <= now <= database_now()
    assert dated_consent(uuid4()) is None


def test_a_lock_set_and_lifted_makes_consent_begin_anew() -> None:
    person = someone_who_shares()
    before = decision_for(person.pk).since
    choices.set_lock(locked=True, source=Source.ADMIN, actor_id=None)
    assert decision_for(person.pk).reason is Reason.OPERATOR_LOCK
    choices.set_lock(locked=False, source=Source.ADMIN, actor_id=None)
    after = decision_for(person.pk)
    assert after.enabled and before is not None and after.since is not None and after.since > before


def test_a_deletion_makes_what_may_be_recorded_begin_anew_under_another_salt() -> None:
    person, other = someone_who_shares(), someone_who_shares()
    before = consents_for([person.pk, other.pk])
    with CaptureQueriesContext(connection) as asked:
        consents_for([person.pk, other.pk])
    assert len(asked) == 1
    choices.request_deletion(person.pk, source=Source.API, actor_id=person.pk)
    after = consents_for([person.pk, other.pk])
    assert after[other.pk] == before[other.pk]
    assert after[person.pk].salt not in {before[person.pk].salt, None}
    since = before[person.pk].decision.since, after[person.pk].decision.since
    assert since[0] is not None and since[1] is not None and since[0] < since[1]


class ReadsFromAReplica:
    """A host's router, as the documentation of Django has one."""

    def db_for_read(self, model: object, **hints: object) -> str:
        return "replica"


def test_the_gate_asks_where_choices_are_written_and_no_replica(settings: Any) -> None:
    person = someone_who_shares()
    settings.DATABASE_ROUTERS = [ReadsFromAReplica()]
    assert decision_for(person.pk).enabled and not current_control().locked
