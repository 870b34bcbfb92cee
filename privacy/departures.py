"""Deletes a person's telemetry with their account, because nobody could request it afterwards."""

from contextlib import suppress
from typing import Any

from privacy.acting import actor_and_source
from privacy.choices import request_deletion, wait_for_attempts_on_commit
from privacy.models import Action, ConsentEvent, Preference, Source
from privacy.people import Person
from privacy.telemetry import NothingToDelete


def on_account_deletion(*, instance: Person, **_: Any) -> None:
    """Receiver of `pre_delete`. Requests nothing for a person who never shared, whom no other server knows.

    Like a withdrawal, the deletion returns once nothing of the person's is being sent.
    """
    if not _has_ever_shared(instance):
        return
    wait_for_attempts_on_commit()
    actor_id, _source = actor_and_source(instance.pk)
    with suppress(NothingToDelete):
        # If telemetry's database is away, the request stays in the ledger, and the account is deleted all the same.
        request_deletion(instance.pk, source=Source.ACCOUNT_DELETED, actor_id=actor_id)


def _has_ever_shared(person: Person) -> bool:
    """Whether the person ever shared, by choice or by the cloud default."""
    by_choice = ConsentEvent.objects.filter(user_id=person.pk, action=Action.ENABLED)
    by_default = Preference.objects.filter(pk=person.pk, notice_shown_at__isnull=False)
    return by_choice.exists() or by_default.exists()
