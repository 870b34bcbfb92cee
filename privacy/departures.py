"""Deletes a person's telemetry with their account, because nobody could request it afterwards."""

import logging
from typing import Any

from django.db import DatabaseError, transaction

from accounts.models import User
from privacy.acting import actor_and_source
from privacy.choices import (
    note_deletion_request,
    request_deletion,
    wait_for_attempts_on_commit,
)
from privacy.models import Action, ConsentEvent, Preference, Source
from privacy.telemetry import NothingToDelete

logger = logging.getLogger(__name__)


def on_account_deletion(*, instance: User, **_: Any) -> None:
    """Receiver of `pre_delete`. Requests nothing for a person who never shared, whom no other server knows.

    Like a withdrawal, the deletion returns once nothing of the person's is being sent.
    """
    if not _has_ever_shared(instance):
        return
    wait_for_attempts_on_commit()
    actor_id, _source = actor_and_source(instance.pk)
    try:
        # A savepoint: an unavailable telemetry database must not prevent deleting the account.
        with transaction.atomic():
            request_deletion(instance.pk, source=Source.ACCOUNT_DELETED, actor_id=actor_id)
    except NothingToDelete:
        return
    except DatabaseError as error:
        note_deletion_request(instance.pk, source=Source.ACCOUNT_DELETED, actor_id=actor_id)
        logger.warning(
            "Telemetry of a deleted account could not be deleted (%s); run erase_user_telemetry --replay",
            type(error).__name__,
        )


def _has_ever_shared(person: User) -> bool:
    """Whether the person ever shared, by choice or by the cloud default."""
    by_choice = ConsentEvent.objects.filter(user_id=person.pk, action=Action.ENABLED)
    by_default = Preference.objects.filter(pk=person.pk, notice_shown_at__isnull=False)
    return by_choice.exists() or by_default.exists()
