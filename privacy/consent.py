"""The consent decision: `decide`, one pure function that all other code calls.

It reads no clock, setting or database, so tests can try every combination of its arguments.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from privacy.switches import DeploymentType, Switches


class Reason(StrEnum):
    """Reason of a decision; `Decision.explanation` is its text for the person."""

    NO_ENDPOINT = "no_endpoint"
    SDK_DISABLED = "sdk_disabled"
    DO_NOT_TRACK = "do_not_track"
    OPERATOR_LOCK = "operator_lock"
    ORGANIZATION_POLICY = "organization_policy"
    CHOICE = "choice"
    SELF_HOSTED_DEFAULT = "self_hosted_default"
    NOTICE_NOT_SHOWN = "notice_not_shown"
    BROWSER_SIGNAL = "browser_signal"
    CLOUD_DEFAULT = "cloud_default"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Control:
    """The operator's lock: `changed_at` is when it was last set or lifted (aware UTC), None if never."""

    locked: bool
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of the person's organization, which can only switch sharing off.

    `changed_at` is the later of its last change and the person's last change of organization (aware UTC), None if
    neither happened.
    """

    sharing_off: bool = False
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Stored facts about one person's consent.

    `consenting_since` is when the current uninterrupted period of the person's consent began: at their choice or, under
    the cloud default, when the notice was first shown. None outside of such a period.
    `erased_at` is when they last asked for deletion.
    """

    choice: bool | None = None
    chosen_at: datetime | None = None
    notice_shown_at: datetime | None = None
    browser_signal_at: datetime | None = None
    consenting_since: datetime | None = None
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision about one person. `since` (aware UTC) is set only if `enabled`; nothing older may be recorded."""

    enabled: bool
    reason: Reason
    since: datetime | None = None
    chosen_at: datetime | None = None

    @property
    def explanation(self) -> str:
        """State and reason for the person, such as "On. You switched this on on 3 May 2026.".

        Only the person can switch on; staff can switch off too, and the ledger records who did.
        """
        if self.reason is Reason.CHOICE and self.chosen_at is not None:
            day = f"{self.chosen_at.day} {self.chosen_at:%B %Y}"
            return f"On. You switched this on on {day}." if self.enabled else f"Off. Switched off on {day}."
        return _EXPLANATIONS[self.reason]

    def beside_switch(self, *, wanted: bool) -> str:
        """The explanation beside a switch that shows the choice `wanted`: never "Off" beside a switch that is on."""
        if wanted and not self.enabled:
            return f"Saved, but nothing is sent. {self.explanation.removeprefix('Off. ')}"
        return self.explanation


_EXPLANATIONS = {
    Reason.NO_ENDPOINT: "Off. Usage sharing isn't set up on this site.",
    Reason.SDK_DISABLED: "Off. The operator of this site has switched OpenTelemetry off.",
    Reason.DO_NOT_TRACK: "Off. The operator of this site has switched usage sharing off (DO_NOT_TRACK).",
    Reason.OPERATOR_LOCK: "Off. The operator of this site has switched usage sharing off for everyone.",
    Reason.ORGANIZATION_POLICY: "Off. Your organization has switched usage sharing off for its people.",
    Reason.CHOICE: "You decided this.",
    Reason.SELF_HOSTED_DEFAULT: "Off. A self-hosted site shares nothing unless you switch it on.",
    Reason.NOTICE_NOT_SHOWN: "Off. Nothing is recorded until the privacy notice has been shown to you.",
    Reason.BROWSER_SIGNAL: "Off. Your browser asks sites not to track you (Global Privacy Control).",
    Reason.CLOUD_DEFAULT: "On by default. You were shown the privacy notice and have not switched sharing off.",
    Reason.UNREADABLE: "Off. Your preference could not be read; please try again later.",
}


def decide(
    *,
    deployment: DeploymentType,
    switches: Switches,
    control: Control,
    policy: Policy,
    standing: Standing,
) -> Decision:
    """The decision for one person. The checks run in the order of their authority."""
    reason = _reason_of_the_installation(switches, control)
    if reason is not None:
        return Decision(enabled=False, reason=reason, chosen_at=standing.chosen_at)
    enabled, reason = _of_the_person(deployment, policy, standing)
    if not enabled:
        return Decision(enabled=False, reason=reason, chosen_at=standing.chosen_at)
    if standing.consenting_since is None:
        # Consent without a start is a damaged record, which permits nothing.
        return Decision(enabled=False, reason=Reason.UNREADABLE, chosen_at=standing.chosen_at)
    # Nothing from before the lock or the policy was lifted may be recorded.
    begins = (standing.consenting_since, control.changed_at, policy.changed_at, standing.erased_at)
    since = max(filter(None, begins))
    return Decision(enabled=True, reason=reason, since=since, chosen_at=standing.chosen_at)


def _reason_of_the_installation(switches: Switches, control: Control) -> Reason | None:
    if not switches.endpoint_set:
        return Reason.NO_ENDPOINT
    if switches.sdk_disabled:
        return Reason.SDK_DISABLED
    if switches.do_not_track:
        return Reason.DO_NOT_TRACK
    if control.locked:
        return Reason.OPERATOR_LOCK
    return None


def _of_the_person(deployment: DeploymentType, policy: Policy, standing: Standing) -> tuple[bool, Reason]:
    if policy.sharing_off and standing.choice is not False:
        return False, Reason.ORGANIZATION_POLICY
    if standing.choice is not None:
        return standing.choice, Reason.CHOICE
    if deployment is DeploymentType.SELF_HOSTED:
        return False, Reason.SELF_HOSTED_DEFAULT
    if standing.notice_shown_at is None:
        return False, Reason.NOTICE_NOT_SHOWN
    if standing.browser_signal_at is not None:
        return False, Reason.BROWSER_SIGNAL
    return True, Reason.CLOUD_DEFAULT
