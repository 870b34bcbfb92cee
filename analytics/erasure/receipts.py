"""Receipts of requests to delete, from the rows of the table `analytics_erasure`."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from django.db import connections
from django.db.models import Max

from analytics.models import Erasure, RolledUpDay, Tombstone, TouchedDay
from analytics.router import analytics_database
from analytics.sql import sql
from privacy.telemetry import Receipt


def receipt_of(erasure: Erasure) -> Receipt:
    days = days_to_recompute(erasure.id)
    return Receipt(
        id=erasure.id,
        requested_at=erasure.requested_at,
        completed_at=erasure.completed_at,
        rows_deleted=dict(erasure.rows_deleted),
        days_recomputed=erasure.days_recomputed,
        recomputed_at=erasure.recomputed_at,
        days_to_recompute=days,
        status=_status(erasure, days),
    )


def receipts_of(erasure_ids: Collection[UUID]) -> list[Receipt]:
    """Return the receipts of these requests, newest first."""
    return [receipt_of(erasure) for erasure in Erasure.objects.filter(pk__in=erasure_ids)]


def days_to_recompute(erasure_id: UUID) -> int:
    """Return the number of days whose rollups still count the person, without closed days, which identify nobody."""
    people = list(Tombstone.objects.filter(erasure_id=erasure_id).values_list("user_id", flat=True))
    if not people:
        return 0
    closed = RolledUpDay.objects.filter(closed=True).aggregate(last=Max("day"))["last"] or date.min
    return TouchedDay.objects.filter(user_id__in=people, day__gt=closed).values("day").distinct().count()


def forget_whose() -> None:
    """Delete the link from a tombstone to its request, once no report counts the person any more."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("forget_erased"))


def _status(erasure: Erasure, days_to_recompute: int) -> str:
    if erasure.completed_at is None:
        return "Deletion requested. The server that stores the data has not accepted the request yet."
    if not erasure.rows_deleted:
        return "Deletion requested. The server that stores the data has accepted the request."
    done = f"{_number(sum(erasure.rows_deleted.values()), 'record')} deleted."
    if days_to_recompute:
        return f"{done} Reports will be corrected in a moment."
    if erasure.recomputed_at:
        return (
            f"{done} Reports of {_number(erasure.days_recomputed, 'day')} were corrected, "
            f"the last on {erasure.recomputed_at:%Y-%m-%d at %H:%M} UTC."
        )
    return done


def _number(of: int, what: str) -> str:
    return f"{of} {what}{'' if of == 1 else 's'}"
