"""Receipts of requests to delete: what a row of the table `analytics_erasure` means to the person."""

from datetime import date
from uuid import UUID

from django.db.models import Max

from analytics.models import Erasure, RolledUpDay, TouchedDay
from privacy.telemetry import Receipt


def receipt(erasure: Erasure, days_to_recompute: int) -> Receipt:
    """`days_to_recompute`: days of the reports that still count the person."""
    return Receipt(
        id=erasure.id,
        requested_at=erasure.requested_at,
        completed_at=erasure.completed_at,
        rows_deleted=dict(erasure.rows_deleted),
        days_recomputed=erasure.days_recomputed,
        recomputed_at=erasure.recomputed_at,
        days_to_recompute=days_to_recompute,
        status=_status(erasure, days_to_recompute),
    )


def receipts_of(pseudonym: UUID) -> list[Receipt]:
    """The pseudonym's receipts, newest first. Days still to recompute are the latest's, as the rollups count them."""
    waiting = days_to_recompute(pseudonym)
    erasures = Erasure.objects.filter(user_id=pseudonym)
    return [receipt(erasure, 0 if number else waiting) for number, erasure in enumerate(erasures)]


def days_to_recompute(pseudonym: UUID) -> int:
    """Number of days of the rollups that still count the pseudonym. Closed days lead to nobody and do not count."""
    closed = RolledUpDay.objects.filter(closed=True).aggregate(last=Max("day"))["last"] or date.min
    return TouchedDay.objects.filter(user_id=pseudonym, day__gt=closed).values("day").distinct().count()


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
