"""How up to date the rollups are, and the command that updates them."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import connections

from analytics.router import analytics_database
from analytics.sql import sql

COMMAND = "python3 manage.py keep_telemetry"


@dataclass(frozen=True, slots=True)
class Freshness:
    """State of the rollups. `computed_at` is None before the first run; `days_waiting` days have uncounted rows.

    `first_day` is the first UTC day of which the rollups have anything, if there is one.
    """

    computed_at: datetime | None
    days_waiting: int
    oldest_waiting: date | None
    is_anything_stored: bool
    first_day: date | None

    @property
    def command(self) -> str:
        return COMMAND


def freshness() -> Freshness:
    """One cheap query: it reads the marks of waiting days, not the rows."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("reports/freshness"))
        return Freshness(*cursor.fetchone())
