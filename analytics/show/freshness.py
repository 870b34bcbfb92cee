"""Until when the rollups know what was stored, and what staff can do about it."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import connections

from analytics.router import analytics_database
from analytics.sql import sql

COMMAND = "python3 manage.py keep_telemetry"


@dataclass(frozen=True, slots=True)
class Freshness:
    """`computed_at` is None if nothing was ever computed; `days_waiting` have rows that are not counted yet."""

    computed_at: datetime | None
    days_waiting: int
    oldest_waiting: date | None
    is_anything_stored: bool

    @property
    def command(self) -> str:
        return COMMAND


def freshness() -> Freshness:
    """One cheap query: it reads the marks of waiting days, not the rows."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("freshness"))
        return Freshness(*cursor.fetchone())
