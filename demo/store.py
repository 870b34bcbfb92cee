"""Finds and deletes stored rows of demo people."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.db import connections, transaction

from analytics.erasure.correction import correct_rollups
from analytics.keep.rollups import Step
from analytics.models import EndpointUsage, FeatureUsage, RolledUpDay, UserActivity
from analytics.router import analytics_database
from demo.ids import FIRST, LAST

MODELS = (UserActivity, EndpointUsage, FeatureUsage)


@dataclass(frozen=True, slots=True)
class Removed:
    """Deleted rows by table, days whose rollups were recomputed, and the last closed day, which was not."""

    rows: dict[str, int]
    days: list[date]
    closed_until: date | None


def is_loaded() -> bool:
    """Whether the tables have rows of demo people."""
    return any(model.objects.filter(user_id__range=(FIRST, LAST)).exists() for model in MODELS)


def has_real_people() -> bool:
    """Whether the tables have rows of other people."""
    return any(
        model.objects.filter(user_id__lt=FIRST).exists() or model.objects.filter(user_id__gt=LAST).exists()
        for model in MODELS
    )


def remove(*, report: Callable[[Step], None]) -> Removed:
    """Delete the rows of demo people and recompute the rollups. Raises django.db.DatabaseError.

    This is no erasure, whose tombstones would reject the same demo people later. The delete trigger still registers the
    days for recomputation.
    """
    rows = {}
    database = analytics_database()
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        for model in MODELS:
            table = model._meta.db_table
            cursor.execute(f"DELETE FROM {table} WHERE user_id BETWEEN %s AND %s", [FIRST, LAST])  # noqa: S608
            rows[table] = cursor.rowcount
    days = correct_rollups(report=report)
    closed = RolledUpDay.objects.filter(closed=True).order_by("-day").values_list("day", flat=True).first()
    return Removed(rows, days, closed)
