"""Effective decisions read from the database, for one person or for many in one query.

Always reads the database that choices are written to, whatever a router says: a replica may lag behind a withdrawal.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS
from django.db.models import DateTimeField, F, Func

from privacy.consent import Control, Decision, Reason, Standing, decide
from privacy.models import InstallationControl, Preference
from privacy.switches import current_switches, deployment_type

# Used when the lock's row is missing.
SHUT = Control(locked=True)
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


def decision_for(user_id: UUID) -> Decision:
    """The effective decision for one person; off for an unknown id."""
    return decisions_for([user_id]).get(user_id, NOBODY)


def decisions_for(user_ids: Iterable[UUID]) -> dict[UUID, Decision]:
    """The effective decisions for many people, in one query. Unknown ids are missing from the result.

    Raises django.db.DatabaseError if consent cannot be read; the caller then may record nobody.
    """
    return {pk: consent.decision for pk, consent, _ in _dated_consents(user_ids)}


def consents_for(user_ids: Iterable[UUID]) -> dict[UUID, Consent]:
    """Like `decisions_for`, with salts, in the same one query."""
    return {pk: consent for pk, consent, _ in _dated_consents(user_ids)}


def dated_consent(user_id: UUID) -> tuple[Consent, datetime] | None:
    """The consent of one person and the database's time of reading; None for an unknown id."""
    for _, consent, now in _dated_consents([user_id]):
        return consent, now
    return None


def salt_of(user_id: UUID) -> UUID | None:
    """The salt of a person's pseudonyms; None if they were never asked, so that nothing is stored about them."""
    return Preference.objects.using(DEFAULT_DB_ALIAS).filter(pk=user_id).values_list("salt", flat=True).first()


def _dated_consents(user_ids: Iterable[UUID]) -> Iterator[tuple[UUID, Consent, datetime]]:
    prefix = "privacy_preference__"
    fields = ("choice", "chosen_at", "notice_shown_at", "browser_signal_at", "consenting_since", "erased_at")
    control = InstallationControl.objects.using(DEFAULT_DB_ALIAS).filter(pk=1)
    people = (
        get_user_model()
        .objects.using(DEFAULT_DB_ALIAS)
        .filter(pk__in=list(user_ids))
        .annotate(_locked=control.values("locked")[:1], _lock_changed_at=control.values("changed_at")[:1], _now=_NOW)
        .values_list(
            "pk", "_now", "_locked", "_lock_changed_at", F(f"{prefix}salt"), *(F(prefix + field) for field in fields)
        )
    )
    deployment, switches = deployment_type(), current_switches()
    for pk, now, locked, changed_at, salt, *standing in people:
        decision = decide(
            deployment=deployment,
            switches=switches,
            control=SHUT if locked is None else Control(locked=locked, changed_at=changed_at),
            standing=Standing(*standing),
        )
        yield pk, Consent(decision, salt), now
