"""Deleting what was collected of one person, for good."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

from django.db import connections
from django.db.models import Max
from django.utils import timezone

from analytics.keep.locks import no_writer_at_work
from analytics.models import Erasure, RolledUpDay, TouchedDay
from analytics.router import analytics_database
from analytics.sql import sql


@dataclass(frozen=True, slots=True)
class Request:
    """A request to delete, as any log of them has it."""

    id: UUID
    user_id: UUID
    requested_at: datetime


def erase(pseudonym: UUID, *, requested_at: datetime | None = None, erasure_id: UUID | None = None) -> Erasure:
    """Delete all rows of `pseudonym` up to `requested_at` (now, if not given) in one transaction; the receipt.

    The receipt is also the tombstone: rows from before that moment are refused from now on. Raises
    django.db.DatabaseError; then nothing was deleted.
    """
    requested_at = requested_at or timezone.now()
    erasure_id = erasure_id or uuid4()
    with no_writer_at_work() as cursor:
        cursor.execute("SELECT analytics_erase_person(%s, %s, %s)", [erasure_id, pseudonym, requested_at])
    return Erasure.objects.get(pk=erasure_id)


def replay(logged: Iterable[Request]) -> list[Erasure]:
    """Carry out again every request of the log and of the table whose rows are there; the receipts of those that were.

    For the day after a backup was restored, which brings back what was deleted since it was made.
    """
    known = {erasure.pk for erasure in Erasure.objects.all()}
    latest: dict[UUID, datetime] = {}
    for erasure in Erasure.objects.order_by("requested_at"):
        latest[erasure.user_id] = erasure.requested_at
    for request in sorted(logged, key=lambda each: each.requested_at, reverse=True):
        moment = latest.get(request.user_id)
        if request.id not in known and (moment is None or moment < request.requested_at):
            erase(request.user_id, requested_at=request.requested_at, erasure_id=request.id)
            latest[request.user_id] = request.requested_at
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("erasures_undone"))
        undone = [Request(*row) for row in cursor.fetchall()]
    again = [erase(each.user_id, requested_at=each.requested_at, erasure_id=each.id) for each in undone]
    return [*Erasure.objects.exclude(pk__in=known), *again]


def ask_elsewhere(pseudonym: UUID) -> Erasure:
    """Note a request for rows that live elsewhere: pending until where they live has acknowledged it."""
    return Erasure.objects.create(user_id=pseudonym, requested_at=timezone.now())


def ask_elsewhere_again(logged: Iterable[Request]) -> None:
    """Have every request sent once more, those of the log as well that the table lacks."""
    Erasure.objects.update(completed_at=None)
    Erasure.objects.bulk_create(
        (Erasure(id=each.id, user_id=each.user_id, requested_at=each.requested_at) for each in logged),
        ignore_conflicts=True,
    )


def pending() -> list[Erasure]:
    """Requests that have not been acknowledged yet, oldest first."""
    return list(Erasure.objects.filter(completed_at=None).order_by("requested_at"))


def acknowledge(erasure: Erasure) -> None:
    """Where the rows live has taken the request."""
    Erasure.objects.filter(pk=erasure.pk, completed_at=None).update(completed_at=timezone.now())


def receipts(pseudonym: UUID) -> list[Erasure]:
    """The pseudonym's requests, newest first."""
    return list(Erasure.objects.filter(user_id=pseudonym))


def days_to_recompute(pseudonym: UUID) -> int:
    """How many days of the rollups still count the pseudonym, whose rows are gone; closed days lead to nobody."""
    closed = RolledUpDay.objects.filter(closed=True).aggregate(last=Max("day"))["last"] or date.min
    return TouchedDay.objects.filter(user_id=pseudonym, day__gt=closed).values("day").distinct().count()
