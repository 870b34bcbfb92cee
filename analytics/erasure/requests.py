"""Handles requests to delete, from any source, and lists a person's receipts."""

from django.db import transaction

from analytics.conf import conf
from analytics.erasure import elsewhere, here
from analytics.erasure.correction import correct_rollups_soon
from analytics.erasure.receipts import forget_whose, receipts_of
from analytics.identity import pseudonyms_of
from analytics.ingest.verdict import ErasureRequest
from analytics.models import Erasure
from privacy.keys import Key
from privacy.models import Action, ConsentEvent, PendingErasure
from privacy.telemetry import Receipt


def request_erasure(pending: PendingErasure, *, go_on: bool) -> Receipt:
    """Delete the person's rows, or send a request to the server that stores them.

    `go_on`: correct the reports, or send the request, in the background once this transaction is committed. Raises
    django.db.DatabaseError.
    """
    if not conf.stored_here:
        return elsewhere.ask(pending, send_now=go_on)
    receipt = _erase(pending)
    if go_on:
        transaction.on_commit(correct_rollups_soon)
    return receipt


def carry_out_pending() -> tuple[int, int]:
    """Carry out or send all pending requests, oldest first. Returns how many are done, and how many are not.

    Raises django.db.DatabaseError.
    """
    waiting = list(PendingErasure.objects.all())
    if conf.stored_here:
        for pending in waiting:
            _erase(pending)
        return len(waiting), 0
    done = sum(elsewhere.send(pending) for pending in waiting)
    forget_whose()
    return done, len(waiting) - done


def number_pending() -> int:
    """Return the number of requests that are not carried out."""
    return PendingErasure.objects.count()


def number_noted() -> int:
    """Return the number of pending requests made while this database was away, which it therefore does not know."""
    waiting = list(PendingErasure.objects.values_list("pk", flat=True))
    return len(waiting) - Erasure.objects.filter(pk__in=waiting).count()


def erase_received(asked: ErasureRequest) -> bool:
    """Carry out a request that the processor received; False if it was known already. Corrects reports in background.

    Raises django.db.DatabaseError.
    """
    is_new = here.erase_received(asked)
    if is_new:
        correct_rollups_soon()
    return is_new


def receipts(user_id: Key) -> list[Receipt]:
    """The person's receipts, newest first: found through their requests in the ledger."""
    lines = ConsentEvent.objects.filter(user_id=user_id, action=Action.ERASURE_REQUESTED)
    return receipts_of(list(lines.values_list("pk", flat=True)))


def _erase(pending: PendingErasure) -> Receipt:
    """Delete the salt together with the rows."""
    pseudonyms = pseudonyms_of(pending.user_id, pending.salt)
    receipt = here.erase(pending.id, pseudonyms, requested_at=pending.requested_at)
    PendingErasure.objects.filter(pk=pending.pk).delete()
    return receipt
