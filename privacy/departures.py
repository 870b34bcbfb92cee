"""Accounts that are deleted: what was collected of the person goes with them, for nobody could ask for it later."""

import logging
from typing import Any

from django.db import DatabaseError, transaction

from accounts.models import User
from privacy.acting import actor_and_source
from privacy.choices import (
    answer_when_nothing_leaves,
    note_deletion_request,
    request_deletion,
)
from privacy.models import Action, ConsentEvent, Preference, Source
from privacy.telemetry import NothingToDelete

logger = logging.getLogger(__name__)


def on_account_deletion(*, instance: User, **_: Any) -> None:
    """Receiver of `pre_delete`. Of someone who never shared there is nothing; no other installation hears of them.

    Like a withdrawal, the deletion is answered when nothing of the person's is under way any more.
    """
    if not _has_ever_shared(instance):
        return
    answer_when_nothing_leaves()
    actor_id, _source = actor_and_source(instance.pk)
    try:
        # Undone by itself where it fails: telemetry's database being away must not keep the account here.
        with transaction.atomic():
            request_deletion(instance.pk, source=Source.ACCOUNT_DELETED, actor_id=actor_id)
    except NothingToDelete:
        return
    except DatabaseError as error:
        note_deletion_request(instance.pk, source=Source.ACCOUNT_DELETED, actor_id=actor_id)
        logger.warning(
            "What was collected of a deleted account could not be deleted (%s); erase_user_telemetry --replay will",
            type(error).__name__,
        )


def _has_ever_shared(person: User) -> bool:
    """By their choice, or by the default of a cloud installation."""
    by_choice = ConsentEvent.objects.filter(user_id=person.pk, action=Action.ENABLED)
    by_default = Preference.objects.filter(pk=person.pk, notice_shown_at__isnull=False)
    return by_choice.exists() or by_default.exists()
