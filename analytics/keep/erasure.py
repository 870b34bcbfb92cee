"""Deleting what was collected of one person, for good."""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import connections, transaction
from django.utils import timezone

from analytics.models import Erasure
from analytics.router import analytics_database


def erase(pseudonym: UUID, *, requested_at: datetime | None = None, erasure_id: UUID | None = None) -> Erasure:
    """Delete all rows of `pseudonym` up to `requested_at` (now, if not given) in one transaction; the receipt.

    The receipt is also the tombstone: rows from before that moment are refused from now on. Raises
    django.db.DatabaseError; then nothing was deleted.
    """
    requested_at = requested_at or timezone.now()
    erasure_id = erasure_id or uuid4()
    database = analytics_database()
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute("SELECT analytics_erase_person(%s, %s, %s)", [erasure_id, pseudonym, requested_at])
    return Erasure.objects.get(pk=erasure_id)


def ask_elsewhere(pseudonym: UUID) -> Erasure:
    """Note a request for rows that live elsewhere: pending until where they live has acknowledged it."""
    return Erasure.objects.create(user_id=pseudonym, requested_at=timezone.now())


def pending() -> list[Erasure]:
    """Requests that have not been acknowledged yet, oldest first."""
    return list(Erasure.objects.filter(completed_at=None).order_by("requested_at"))


def acknowledge(erasure: Erasure) -> None:
    """Where the rows live has taken the request."""
    Erasure.objects.filter(pk=erasure.pk, completed_at=None).update(completed_at=timezone.now())


def receipts(pseudonym: UUID) -> list[Erasure]:
    """The pseudonym's requests, newest first."""
    return list(Erasure.objects.filter(user_id=pseudonym))
