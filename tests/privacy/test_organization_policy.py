"""An organization's administrators switch sharing off for its people, at once and above their choices, and never on."""

from collections.abc import Iterator
from http import HTTPStatus
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import Organization, User
from privacy import choices
from privacy.consent import Reason
from privacy.gate import decision_for, decisions_for
from privacy.models import Action, ConsentEvent, OrganizationPolicy, Preference, Source
from privacy.organizations import may_change, policy_of
from privacy.sending import wait_for_attempts
from tests.support.people import a_person, signed_in, someone_who_shares, with_token
from tests.support.wire import Wire, wired

pytestmark = pytest.mark.django_db
ADDRESS = "/api/organization/telemetry-policy"
SENTENCE = "Off. Your organization has switched usage sharing off for its people."
ON_HOLD = "Saved, but nothing is sent. Your organization has switched usage sharing off for its people."


@pytest.fixture(autouse=True)
def wire() -> Iterator[Wire]:
    with wired() as (wire, _):
        yield wire


def an_administrator() -> User:
    person = someone_who_shares()
    assert person.organization is not None
    person.organization.administrators.add(person)
    return person


def undecided_of(colleague: User) -> User:
    return User.objects.create_user(f"of-{uuid4()}", organization=colleague.organization)


def a_colleague(of: User) -> User:
    person = undecided_of(of)
    choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
    return person


def switch(person: User, *, off: bool) -> OrganizationPolicy:
    policy = policy_of(person)
    assert policy is not None
    return choices.set_organization_policy(policy.pk, sharing_off=off, source=Source.API, actor_id=person.pk)


def test_switched_off_and_left_to_the_people_again() -> None:
    administrator, stranger = an_administrator(), someone_who_shares()
    colleague = a_colleague(administrator)
    before = decision_for(colleague.pk)
    switch(administrator, off=True)
    decisions = decisions_for([administrator.pk, colleague.pk, stranger.pk])
    assert [decisions[each.pk].reason for each in (administrator, colleague, stranger)] == [
        Reason.ORGANIZATION_POLICY,
        Reason.ORGANIZATION_POLICY,
        Reason.CHOICE,
    ]
    assert decision_for(colleague.pk).explanation == SENTENCE
    switch(administrator, off=False)
    after = decision_for(colleague.pk)
    assert after.enabled and after.since is not None and before.since is not None and after.since > before.since


def test_lifting_switches_nobody_on() -> None:
    administrator = an_administrator()
    undecided, refuses = undecided_of(administrator), a_colleague(administrator)
    choices.choose(refuses.pk, enabled=False, source=Source.API, actor_id=refuses.pk)
    for off in (True, False):
        switch(administrator, off=off)
        assert not decision_for(undecided.pk).enabled and decision_for(refuses.pk).reason is Reason.CHOICE


def test_a_choice_of_on_under_the_policy_is_stored_and_holds_once_it_is_lifted() -> None:
    administrator = an_administrator()
    person = undecided_of(administrator)
    switch(administrator, off=True)
    answer = signed_in(person).put("/api/users/telemetry/enable").json()
    assert answer == {"telemetry_enabled": False, "message": ON_HOLD}
    switch(administrator, off=False)
    assert decision_for(person.pk).enabled


def test_the_ledger_names_who_switched_for_which_organization_and_repeats_nothing() -> None:
    administrator = an_administrator()
    for off in (True, True, False, False):
        switch(administrator, off=off)
    lines = ConsentEvent.objects.exclude(organization_id="").order_by("recorded_at")
    expected = [
        (action, None, administrator.pk, str(administrator.organization_id))
        for action in (Action.ORGANIZATION_OFF, Action.ORGANIZATION_LIFTED)
    ]
    assert list(lines.values_list("action", "user_id", "actor_id", "organization_id")) == expected


def test_switching_off_waits_for_attempts_like_a_persons_choice(
    django_capture_on_commit_callbacks: object,
) -> None:
    administrator = an_administrator()
    with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[operator]
        switch(administrator, off=True)
        switch(administrator, off=True)  # the first may still be waiting
    assert callbacks.count(wait_for_attempts) == 1
    with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[operator]
        switch(administrator, off=False)
    assert wait_for_attempts not in callbacks


def test_whoever_changes_the_organization_begins_anew() -> None:
    """Nothing from under the policy of the one leaves under that of the other, by whatever road they came."""
    administrator = an_administrator()
    leaver, orphan = a_colleague(administrator), a_colleague(administrator)
    joined = decision_for(leaver.pk).since
    switch(administrator, off=True)
    User.objects.filter(pk=leaver.pk).update(organization=Organization.objects.create(name="Another"))
    left = decision_for(leaver.pk)
    assert left.enabled and left.since is not None and joined is not None and left.since > joined
    Organization.objects.filter(pk=administrator.organization_id).delete()
    orphaned = decision_for(orphan.pk)
    assert orphaned.enabled and orphaned.since is not None and orphaned.since > left.since


def test_an_earlier_instance_does_not_bring_an_earlier_date_back() -> None:
    person = someone_who_shares()
    User.objects.filter(pk=person.pk).update(organization=None)
    since = decision_for(person.pk).since
    person.refresh_from_db(fields=["organization"])
    person.save()
    assert decision_for(person.pk).since == since


def test_only_administrators_in_their_own_organization_may_change_it() -> None:
    administrator = an_administrator()
    colleague = a_colleague(administrator)
    policy = policy_of(administrator)
    assert policy is not None
    assert may_change(administrator, policy) and not may_change(colleague, policy)
    assert not may_change(an_administrator(), policy)
    User.objects.filter(pk=administrator.pk).update(organization=a_person().organization)
    moved = User.objects.get(pk=administrator.pk)
    policy_there = policy_of(moved)
    assert policy_there is not None and not may_change(moved, policy) and not may_change(moved, policy_there)


def test_by_the_api() -> None:
    administrator = an_administrator()
    colleague = with_token(a_colleague(administrator))
    client = with_token(administrator)
    assert client.get(ADDRESS).json() == {
        "organization_id": str(administrator.organization_id),
        "sharing_off": False,
        "changed_at": None,
        "may_change": True,
        "message": "Each person in your organization decides about sharing.",
    }
    assert colleague.put(ADDRESS).status_code == colleague.delete(ADDRESS).status_code == HTTPStatus.FORBIDDEN
    off = client.put(ADDRESS).json()
    assert off["sharing_off"] and off["changed_at"] and off["message"].startswith("Sharing is off for everyone")
    assert colleague.get(ADDRESS).json()["may_change"] is False
    assert client.delete(ADDRESS).json()["sharing_off"] is False
    assert with_token(User.objects.create_user("alone")).get(ADDRESS).status_code == HTTPStatus.NOT_FOUND


def test_on_the_page_without_a_script() -> None:
    administrator = an_administrator()
    client, colleague = signed_in(administrator), signed_in(a_colleague(administrator))
    assert "Your organization" not in colleague.get("/settings/privacy/").content.decode()
    assert colleague.post("/settings/privacy/organization/", {"policy": "off"}).status_code == HTTPStatus.FORBIDDEN
    assert client.post("/settings/privacy/organization/", {"policy": "?"}).status_code == HTTPStatus.BAD_REQUEST
    page = client.post("/settings/privacy/organization/", {"policy": "off"}, follow=True).content.decode()
    # Their own switch is on, so the line beside it does not begin with "Off".
    beside_switch = f"Saved, but nothing is sent. {SENTENCE.removeprefix('Off. ')}"
    assert "Sharing is off for everyone in your organization." in page and beside_switch in page
    page = client.post("/settings/privacy/organization/", {"policy": "lifted"}, follow=True).content.decode()
    assert "Switch off for everyone" in page and beside_switch not in page


def test_no_notice_asks_who_cannot_decide(settings: Settings) -> None:
    settings.DEPLOYMENT_TYPE = "cloud"
    administrator = an_administrator()
    person = undecided_of(administrator)
    switch(administrator, off=True)
    assert "data-notice" not in signed_in(person).get("/settings/password/").content.decode()
    assert not Preference.objects.filter(pk=person.pk, notice_shown_at__isnull=False).exists()


def test_the_command_prints_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    administrator = an_administrator()
    switch(administrator, off=True)
    call_command("telemetry_decision", administrator.get_username())
    assert capsys.readouterr().out == f"{SENTENCE}\n"


def test_a_user_model_without_organizations_costs_nothing(settings: Settings) -> None:
    person = someone_who_shares()
    settings.TELEMETRY_ORGANIZATION_FIELD = None
    with CaptureQueriesContext(connection) as queries:
        assert decisions_for([person.pk])[person.pk].enabled
    assert len(queries) == 1 and policy_of(person) is None


def test_a_misnamed_organization_is_as_if_all_had_switched_it_off(settings: Settings) -> None:
    person = someone_who_shares()
    settings.TELEMETRY_ORGANIZATION_FIELD = "team"
    assert decision_for(person.pk).reason is Reason.ORGANIZATION_POLICY
    assert not decisions_for([person.pk])[person.pk].enabled
