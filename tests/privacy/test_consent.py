"""`decide()` in every combination there is, against the order of authority written down a second time as a table."""

from datetime import UTC, datetime
from itertools import product

import pytest

from privacy.consent import Control, Decision, Policy, Reason, Standing, decide
from privacy.switches import DeploymentType, Switches

SHOWN, SIGNAL, CHOSEN, LOCK, SINCE = (datetime(2026, 5, day, tzinfo=UTC) for day in range(1, 6))

# In order: the first line that applies decides. A line is (what must be the case, the reason, on or off); the keys are
# those of `facts`.
AUTHORITY: list[tuple[dict[str, object], Reason, bool]] = [
    ({"endpoint_set": False}, Reason.NO_ENDPOINT, False),
    ({"sdk_disabled": True}, Reason.SDK_DISABLED, False),
    ({"do_not_track": True}, Reason.DO_NOT_TRACK, False),
    ({"locked": True}, Reason.OPERATOR_LOCK, False),
    ({"choice": False}, Reason.CHOICE, False),
    ({"organization_off": True}, Reason.ORGANIZATION_POLICY, False),
    ({"choice": True}, Reason.CHOICE, True),
    ({"deployment": DeploymentType.SELF_HOSTED}, Reason.SELF_HOSTED_DEFAULT, False),
    ({"notice_shown": False}, Reason.NOTICE_NOT_SHOWN, False),
    ({"browser_signal": True}, Reason.BROWSER_SIGNAL, False),
    ({}, Reason.CLOUD_DEFAULT, True),
]
VALUES: dict[str, list[object]] = {
    "deployment": list(DeploymentType),
    "endpoint_set": [True, False],
    "sdk_disabled": [True, False],
    "do_not_track": [True, False],
    "locked": [True, False],
    "organization_off": [True, False],
    "choice": [None, True, False],
    "notice_shown": [True, False],
    "browser_signal": [True, False],
    "since_known": [True, False],
}
COMBINATIONS = [dict(zip(VALUES, values, strict=True)) for values in product(*VALUES.values())]


def decided(
    facts: dict[str, object],
    *,
    lock_changed_at: datetime | None = None,
    policy_changed_at: datetime | None = None,
    erased_at: datetime | None = None,
) -> Decision:
    choice = facts["choice"]
    assert choice is None or isinstance(choice, bool)
    deployment = facts["deployment"]
    assert isinstance(deployment, DeploymentType)
    return decide(
        deployment=deployment,
        switches=Switches(
            endpoint_set=bool(facts["endpoint_set"]),
            sdk_disabled=bool(facts["sdk_disabled"]),
            do_not_track=bool(facts["do_not_track"]),
        ),
        control=Control(locked=bool(facts["locked"]), changed_at=lock_changed_at),
        policy=Policy(sharing_off=bool(facts["organization_off"]), changed_at=policy_changed_at),
        standing=Standing(
            choice=choice,
            chosen_at=None if choice is None else CHOSEN,
            notice_shown_at=SHOWN if facts["notice_shown"] else None,
            browser_signal_at=SIGNAL if facts["browser_signal"] else None,
            consenting_since=SINCE if facts["since_known"] else None,
            erased_at=erased_at,
        ),
    )


def test_there_are_as_many_combinations_as_there_should_be() -> None:
    assert len(COMBINATIONS) == 2**9 * 3


def test_every_combination_is_decided_by_the_order_of_authority() -> None:
    for facts in COMBINATIONS:
        reason, enabled = next(
            (reason, enabled)
            for conditions, reason, enabled in AUTHORITY
            if all(facts[name] == value for name, value in conditions.items())
        )
        if enabled and not facts["since_known"]:
            reason, enabled = Reason.UNREADABLE, False  # a damaged record permits nothing
        decision = decided(facts)
        assert (decision.enabled, decision.reason) == (enabled, reason), facts
        assert decision.since == (SINCE if enabled else None), facts


def test_every_decision_is_explained_in_a_sentence_that_says_on_or_off() -> None:
    for facts in COMBINATIONS:
        decision = decided(facts)
        assert decision.explanation.startswith("On" if decision.enabled else "Off"), facts
        assert decision.explanation.endswith(".")


def test_a_choice_is_explained_with_its_day_and_off_is_not_called_the_persons_own() -> None:
    chosen = {each.enabled: each.explanation for each in map(decided, COMBINATIONS) if each.reason is Reason.CHOICE}
    assert chosen == {True: "On. You switched this on on 3 May 2026.", False: "Off. Switched off on 3 May 2026."}


def test_every_other_reason_has_one_explanation_whatever_was_chosen() -> None:
    """Nobody is told that they switched off what the operator has switched off."""
    explained = {
        (each.reason, each.explanation) for each in map(decided, COMBINATIONS) if each.reason is not Reason.CHOICE
    }
    assert len(explained) == len(set(Reason)) - 1


def test_each_reason_is_reached() -> None:
    assert {decided(facts).reason for facts in COMBINATIONS} == set(Reason)


@pytest.mark.parametrize(
    ("lifted", "since"), [(datetime(2026, 4, 1, tzinfo=UTC), SINCE), (datetime(2026, 6, 1, tzinfo=UTC), None)]
)
def test_nothing_from_under_a_lock_or_a_policy_is_ever_recorded(lifted: datetime, since: datetime | None) -> None:
    facts = next(facts for facts in COMBINATIONS if decided(facts).enabled)
    assert decided(facts, lock_changed_at=lifted).since == (since or lifted)
    assert decided(facts, policy_changed_at=lifted).since == (since or lifted)


@pytest.mark.parametrize(
    ("erased", "since"), [(datetime(2026, 4, 1, tzinfo=UTC), SINCE), (datetime(2026, 6, 1, tzinfo=UTC), None)]
)
def test_nothing_from_before_a_deletion_is_recorded_after_it(erased: datetime, since: datetime | None) -> None:
    """It would come back, under the new pseudonym."""
    for facts in COMBINATIONS:
        decision = decided(facts, erased_at=erased)
        assert decision.enabled is decided(facts).enabled
        assert decision.since == ((since or erased) if decision.enabled else None)
