"""The only writers of consent. Each changes the stored state and the ledger in one transaction, or neither."""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.db import transaction

from privacy.clock import database_now
from privacy.consent import Decision, decide
from privacy.gate import current_control, policy_for
from privacy.keys import Key
from privacy.models import (
    Action,
    ConsentEvent,
    InstallationControl,
    OrganizationPolicy,
    PendingErasure,
    Preference,
    PrivacyNotice,
    Source,
)
from privacy.notices import forget_current_notice
from privacy.reach import DELETE_SECONDS, Unreachable, telemetrys_database
from privacy.sending import wait_for_attempts
from privacy.signals import consent_changed
from privacy.switches import DeploymentType, current_switches, deployment_type
from privacy.telemetry import NothingToDelete, Receipt, telemetry

logger = logging.getLogger(__name__)


def _locked_preference(user_id: Key) -> Preference:
    """The person's row, locked until the transaction ends, so that concurrent changes queue."""
    Preference.objects.bulk_create([Preference(user_id=user_id)], ignore_conflicts=True)
    return Preference.objects.select_for_update().get(pk=user_id)


def _decision(preference: Preference) -> Decision:
    return decide(
        deployment=deployment_type(),
        switches=current_switches(),
        control=current_control(),
        policy=policy_for(preference.user_id),
        standing=preference.standing,
    )


def _announce(user_id: Key | None, *, enabled: bool) -> None:
    transaction.on_commit(lambda: consent_changed.send(sender=None, user_id=user_id, enabled=enabled))


def wait_for_attempts_on_commit() -> None:
    """After commit, wait until every attempt to send that began before this withdrawal has ended.

    All withdrawals of one transaction share one wait: staff can switch many people off at once.
    """
    waits = (callback for _, callback, *_ in transaction.get_connection().run_on_commit)
    if wait_for_attempts not in waits:
        transaction.on_commit(wait_for_attempts)


def _record(
    action: Action,
    source: Source,
    *,
    user_id: Key | None,
    actor_id: Key | None,
    notice_version: int | None,
    at: datetime,
    organization_id: str = "",
) -> ConsentEvent:
    return ConsentEvent.objects.create(
        user_id=user_id,
        organization_id=organization_id,
        actor_id=actor_id,
        action=action,
        source=source,
        notice_version=notice_version,
        recorded_at=at,
    )


@transaction.atomic
def choose(user_id: Key, *, enabled: bool, source: Source, actor_id: Key | None) -> Decision:
    """Record the person's choice and return the new effective decision.

    Only the person may switch on; raises PermissionDenied for anybody else. Repeating the stored choice changes nothing
    and adds no ledger line. Switching off commits at once, then waits for attempts to send in progress: usually not at
    all, six seconds at most. When it returns, nothing of the person's can leave any more.
    """
    if enabled and actor_id != user_id:
        raise PermissionDenied("Only the person can switch sharing on.")
    preference = _locked_preference(user_id)
    if not enabled:
        # Also if already off: the request that switched it off may still be waiting.
        wait_for_attempts_on_commit()
    if preference.choice is enabled:
        return _decision(preference)
    before = _decision(preference)
    now = database_now()
    preference.choice = enabled
    preference.chosen_at = now
    # A person who shares by default and now switches on has consented without interruption.
    preference.consenting_since = (before.since or now) if enabled else None
    preference.save()
    _record(
        Action.ENABLED if enabled else Action.DISABLED,
        source,
        user_id=user_id,
        actor_id=actor_id,
        notice_version=preference.notice_version,
        at=now,
    )
    after = _decision(preference)
    _announce(user_id, enabled=after.enabled)
    return after


@transaction.atomic
def note_notice_shown(user_id: Key, version: int, *, browser_signal: bool) -> None:
    """Record that notice `version` was shown to the person. Under the cloud default, consent begins now."""
    preference = _locked_preference(user_id)
    if browser_signal:
        _apply_browser_signal(preference)
    # A notice shown under "off by default" did not announce "on by default".
    is_first_in_cloud = preference.notice_shown_at is None and deployment_type() is DeploymentType.CLOUD
    if (preference.notice_version or 0) >= version and not is_first_in_cloud:
        preference.save()
        return
    now = database_now()
    preference.notice_version = max(version, preference.notice_version or 0)
    if is_first_in_cloud:
        preference.notice_shown_at = now
        if preference.choice is None and preference.browser_signal_at is None:
            preference.consenting_since = now
    preference.save()
    _record(
        Action.NOTICE_SHOWN,
        Source.NOTICE,
        user_id=user_id,
        actor_id=None,
        notice_version=version,
        at=now,
    )
    _announce(user_id, enabled=_decision(preference).enabled)


@transaction.atomic
def dismiss_notice(user_id: Key, version: int) -> None:
    """Record that the person dismissed the notice. This changes no consent, which depends on the notice being shown.

    A version they were never shown cannot be dismissed; the newest they were shown is dismissed instead.
    """
    preference = _locked_preference(user_id)
    version = min(version, preference.notice_version or 0)
    preference.dismissed_version = max(version, preference.dismissed_version or 0)
    preference.save()


@transaction.atomic
def publish_notice(*, title: str, body: str, actor_id: Key | None) -> PrivacyNotice:
    """Publish the next version of the notice. Everyone is shown it again; nobody's choice changes."""
    now = database_now()
    # Every installation has this row; locking it makes two simultaneous publications queue.
    InstallationControl.objects.select_for_update().get(pk=1)
    newest = PrivacyNotice.objects.first()
    notice = PrivacyNotice.objects.create(
        version=newest.version + 1 if newest else 1,
        title=title,
        body=body,
        published_at=now,
        published_by_id=actor_id,
    )
    _record(
        Action.NOTICE_PUBLISHED,
        Source.ADMIN,
        user_id=None,
        actor_id=actor_id,
        notice_version=notice.version,
        at=now,
    )
    transaction.on_commit(forget_current_notice)
    return notice


@transaction.atomic
def note_browser_signal(user_id: Key) -> None:
    """Record that the person's browser sent `Sec-GPC: 1`. Sharing is off until they choose."""
    preference = _locked_preference(user_id)
    if _apply_browser_signal(preference):
        preference.save()
        _announce(user_id, enabled=_decision(preference).enabled)


def _apply_browser_signal(preference: Preference) -> bool:
    if preference.browser_signal_at is not None:
        return False
    now = database_now()
    preference.browser_signal_at = now
    if preference.choice is None and preference.consenting_since is not None:
        preference.consenting_since = None
        wait_for_attempts_on_commit()
    _record(
        Action.BROWSER_SIGNAL,
        Source.BROWSER,
        user_id=preference.user_id,
        actor_id=None,
        notice_version=preference.notice_version,
        at=now,
    )
    return True


@transaction.atomic
def set_lock(*, locked: bool, source: Source, actor_id: Key | None) -> None:
    """Set or lift the operator's lock. Lifting it restores the people's own choices; setting it waits like `choose`."""
    if locked:
        wait_for_attempts_on_commit()
    control = InstallationControl.objects.select_for_update().get(pk=1)
    if control.locked is locked:
        return
    control.locked = locked
    control.changed_at = database_now()
    control.save()
    _record(
        Action.LOCKED if locked else Action.UNLOCKED,
        source,
        user_id=None,
        actor_id=actor_id,
        notice_version=None,
        at=control.changed_at,
    )
    _announce(None, enabled=not locked)


@transaction.atomic
def set_organization_policy(
    organization_id: str, *, sharing_off: bool, source: Source, actor_id: Key
) -> OrganizationPolicy:
    """Switch sharing off for the people of an organization, or leave it to them again. The caller checks who asks.

    Switching off stands above each person's choice and waits like `choose`. Leaving it to them restores their choices.
    Repeating the stored state changes nothing and adds no ledger line.
    """
    if sharing_off:
        wait_for_attempts_on_commit()
    OrganizationPolicy.objects.bulk_create([OrganizationPolicy(pk=organization_id)], ignore_conflicts=True)
    policy = OrganizationPolicy.objects.select_for_update().get(pk=organization_id)
    if policy.sharing_off is sharing_off:
        return policy
    policy.sharing_off, policy.changed_at = sharing_off, database_now()
    policy.save()
    _record(
        Action.ORGANIZATION_OFF if sharing_off else Action.ORGANIZATION_LIFTED,
        source,
        user_id=None,
        organization_id=organization_id,
        actor_id=actor_id,
        notice_version=None,
        at=policy.changed_at,
    )
    _announce(None, enabled=not sharing_off)
    return policy


@transaction.atomic
def request_deletion(user_id: Key, *, source: Source, actor_id: Key | None) -> Receipt:
    """Delete what was collected of the person, or ask for it where it is stored; a line in the ledger, and the receipt.

    Where the database of the rows cannot be used now, the receipt is a pending one, and `keep_telemetry` carries the
    request out. Raises NothingToDelete, and django.db.Error if the ledger cannot be written or a command asks; then
    nothing was asked.
    """
    if not telemetry().collects:
        raise NothingToDelete
    pending = _note_deletion_request(user_id, source=source, actor_id=actor_id)
    try:
        with telemetrys_database.using(DELETE_SECONDS):
            # A command sees to the rest itself, and shows it; its process would end before a thread has.
            return telemetry().erase(pending, go_on=source is not Source.COMMAND)
    except Unreachable as error:
        # An operator at a command sees that it failed. And where both databases are one, the transaction may be gone
        # with the connection, and the line with it: then this very query raises.
        if source is Source.COMMAND or not ConsentEvent.objects.filter(pk=pending.pk).exists():
            raise error.__cause__ or error from None
        logger.warning("A deletion is pending, and keep_telemetry will do it: %s", str(error))
        return _pending_receipt(pending)


def _note_deletion_request(user_id: Key, *, source: Source, actor_id: Key | None) -> PendingErasure:
    """A line in the ledger, and what is to be erased: the pseudonyms of the salt that the person had until now.

    From now on they have another, and nothing from before now is recorded.
    """
    preference = _locked_preference(user_id)
    line = _record(
        Action.ERASURE_REQUESTED,
        source,
        user_id=user_id,
        actor_id=actor_id,
        notice_version=preference.notice_version,
        at=database_now(),
    )
    pending = PendingErasure.objects.create(
        id=line.pk, user_id=user_id, salt=preference.salt, requested_at=line.recorded_at
    )
    _replace_salt(preference, at=line.recorded_at)
    return pending


@transaction.atomic
def replace_salt(user_id: Key) -> None:
    """Give the person new pseudonyms: theirs were erased, and a restored backup has brought the salt back."""
    _replace_salt(_locked_preference(user_id), at=database_now())


def _replace_salt(preference: Preference, *, at: datetime) -> None:
    preference.salt = uuid4()
    preference.erased_at = at
    preference.save()


def pending_receipts(user_id: Key, known: Sequence[Receipt]) -> list[Receipt]:
    """Receipts of the person's pending requests that none of the `known` ones is of. Newest first."""
    pending = PendingErasure.objects.filter(user_id=user_id).exclude(pk__in=[receipt.id for receipt in known])
    return [_pending_receipt(each) for each in pending.order_by("-requested_at")]


def _pending_receipt(pending: PendingErasure) -> Receipt:
    return Receipt(
        id=pending.pk,
        requested_at=pending.requested_at,
        completed_at=None,
        rows_deleted={},
        days_recomputed=0,
        recomputed_at=None,
        days_to_recompute=0,
        status="Noted. Your data will be deleted as soon as the database that holds it can be used again.",
    )


def note_account_change(user_id: Key, action: Action, *, source: Source, actor_id: Key | None) -> None:
    """A line about what the person signs in with: `action` is PASSWORD_SET or one of ACCOUNT_...; no choice changes."""
    _record(action, source, user_id=user_id, actor_id=actor_id, notice_version=None, at=database_now())
