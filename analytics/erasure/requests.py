"""Requests to delete, by whichever road they come; and the receipts of a person."""

from uuid import UUID

from django.db import transaction

from analytics.conf import conf
from analytics.erasure import elsewhere, here
from analytics.erasure.correction import correct_rollups_soon
from analytics.erasure.log import of_ledger
from analytics.erasure.receipts import receipts_of
from analytics.identity import Kind, pseudonym
from analytics.ingest.verdict import ErasureRequest
from privacy.telemetry import Receipt


def request_erasure(user_id: UUID, *, request_id: UUID, go_on: bool) -> Receipt:
    """Delete the person's rows, or ask for it where they are stored. `user_id` is the key of their account.

    `request_id` is the id of the ledger's line, and becomes the receipt's. `go_on`: correct the reports, or send the
    request, in the background once this transaction is committed. Raises django.db.DatabaseError.
    """
    of = pseudonym(Kind.USER, user_id)
    if not conf.stored_here:
        return elsewhere.ask(of, request_id=request_id, send_now=go_on)
    receipt = here.erase(of, erasure_id=request_id)
    if go_on:
        transaction.on_commit(correct_rollups_soon)
    return receipt


def carry_out_noted() -> int:
    """Do what the ledger asks for and this database could not take when it was asked; how many requests.

    The caller corrects the reports, or sends what is pending. Raises django.db.DatabaseError.
    """
    noted = here.missed(of_ledger())
    for each in noted:
        if conf.stored_here:
            here.erase(each.user_id, requested_at=each.requested_at, erasure_id=each.id)
        else:
            elsewhere.ask(each.user_id, request_id=each.id, requested_at=each.requested_at, send_now=False)
    return len(noted)


def number_noted() -> int:
    """Number of requests that `carry_out_noted` would do."""
    return len(here.missed(of_ledger()))


def erase_received(asked: ErasureRequest) -> bool:
    """Carry out a request that the processor received; False if it was known already. Corrects reports in background.

    Raises django.db.DatabaseError.
    """
    is_new = here.erase_received(asked)
    if is_new:
        correct_rollups_soon()
    return is_new


def receipts(user_id: UUID) -> list[Receipt]:
    """The person's receipts, newest first."""
    return receipts_of(pseudonym(Kind.USER, user_id))
