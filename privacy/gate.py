"""Effective decisions read from the database, for one person or for many in one query.

Always reads the database that choices are written to, whatever a router says: a replica may lag behind a withdrawal.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS
from django.db.models import BooleanField, DateTimeField, F, Func, OuterRef, QuerySet, TextField, Value
from django.db.models.functions import Cast

from privacy.consent import Control, Decision, Policy, Reason, Standing, decide
from privacy.keys import Key
from privacy.models import InstallationControl, OrganizationPolicy, Preference
from privacy.organizations import is_misnamed, organization_field, since_field
from privacy.people import active_people
from privacy.switches import current_switches, deployment_type

# Used when the lock's row is missing.
SHUT = Control(locked=True)
_POLICY = ("_policy_off", "_policy_changed_at", "_in_organization_since")
_NOW = Func(function="clock_timestamp", output_field=DateTimeField())


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's decision, and the salt of their pseudonyms; None if they were never asked."""

    decision: Decision
    salt: UUID | None


NOBODY = Decision(enabled=False, reason=Reason.UNREADABLE)


def current_control() -> Control:
    row = InstallationControl.objects.using(DEFAULT_DB_ALIAS).filter(pk=1).first()
    return row.control if row is not None else SHUT


def policy_for(user_id: Key) -> Policy:
    """The policy of the person's organization."""
    people = get_user_model()._default_manager.using(DEFAULT_DB_ALIAS).filter(pk=user_id)
    found = people.annotate(**_of_the_organization()).values_list(*_POLICY).first()
    return _policy(*found) if found is not None else Policy()


def _of_the_organization() -> dict[str, Any]:
    """Annotations of a user with `_POLICY`."""
    field, since = organization_field(), since_field()
    never = Value(None, output_field=DateTimeField())
    if field is None:
        sharing_off = Value(is_misnamed() or None, output_field=BooleanField())
        return dict(zip(_POLICY, (sharing_off, never, never), strict=True))
    policy = OrganizationPolicy.objects.using(DEFAULT_DB_ALIAS).filter(pk=Cast(OuterRef(field), TextField()))
    columns = (policy.values("sharing_off")[:1], policy.values("changed_at")[:1], F(since) if since else never)
    return dict(zip(_POLICY, columns, strict=True))


def _policy(sharing_off: bool | None, changed_at: datetime | None, joined_at: datetime | None) -> Policy:
    return Policy(sharing_off=bool(sharing_off), changed_at=max(filter(None, (changed_at, joined_at)), default=None))


def decision_for(user_id: Key) -> Decision:
    """The effective decision for one person; off for an unknown id."""
    return decisions_for([user_id]).get(user_id, NOBODY)


def decisions_for(user_ids: Iterable[Key]) -> dict[Key, Decision]:
    """The effective decisions for many people, in one query. Unknown ids are missing from the result.

    Raises django.db.DatabaseError if consent cannot be read; the caller then may record nobody.
    """
    return {pk: consent.decision for pk, consent, _ in _dated_consents(user_ids)}


def consents_for(user_ids: Iterable[Key]) -> dict[Key, Consent]:
    """Like `decisions_for`, with salts, in the same one query."""
    return {pk: consent for pk, consent, _ in _dated_consents(user_ids)}


def dated_consent(user_id: Key) -> tuple[Consent, datetime] | None:
    """The consent of one person and the database's time of reading; None for an unknown id."""
    for _, consent, now in _dated_consents([user_id]):
        return consent, now
    return None


def salt_of(user_id: Key) -> UUID | None:
    """The salt of a person's pseudonyms; None if they were never asked, so that nothing is stored about them."""
    return Preference.objects.using(DEFAULT_DB_ALIAS).filter(pk=user_id).values_list("salt", flat=True).first()


def number_sharing(*, locked: bool) -> int:
    """How many active people share their usage now, or would if the operator's lock were `locked`."""
    consents = _dated_consents(active_people().values("pk"), Control(locked=locked))
    return sum(consent.decision.enabled for _, consent, _ in consents)


def _dated_consents(
    user_ids: Iterable[Key] | QuerySet[Any], lock: Control | None = None
) -> Iterator[tuple[Key, Consent, datetime]]:
    """Consents by person, with the time of reading; `lock` stands in for the stored one. A queryset has only keys."""
    prefix = "privacy_preference__"
    fields = ("choice", "chosen_at", "notice_shown_at", "browser_signal_at", "consenting_since", "erased_at")
    control = InstallationControl.objects.using(DEFAULT_DB_ALIAS).filter(pk=1)
    people = (
        get_user_model()
        ._default_manager.using(DEFAULT_DB_ALIAS)
        .filter(pk__in=user_ids if isinstance(user_ids, QuerySet) else list(user_ids))
        .annotate(_locked=control.values("locked")[:1], _lock_changed_at=control.values("changed_at")[:1], _now=_NOW)
        .annotate(**_of_the_organization())
        .values_list(
            *("pk", "_now", "_locked", "_lock_changed_at", *_POLICY),
            F(f"{prefix}salt"),
            *(F(prefix + field) for field in fields),
        )
    )
    deployment, switches = deployment_type(), current_switches()
    for pk, now, locked, changed_at, off, off_at, joined_at, salt, *standing in people:
        decision = decide(
            deployment=deployment,
            switches=switches,
            control=lock or (SHUT if locked is None else Control(locked=locked, changed_at=changed_at)),
            policy=_policy(off, off_at, joined_at),
            standing=Standing(*standing),
        )
        yield pk, Consent(decision, salt), now
