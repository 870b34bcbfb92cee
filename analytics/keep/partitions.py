"""Monthly partitions, UTC: made ahead, listed, dropped."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from django.db import OperationalError, connections
from django.utils import timezone
from psycopg import sql as composable

from analytics.retention import first_of_month, months_before
from analytics.router import analytics_database
from analytics.sql import sql

MONTHS_AHEAD = 3
HALF_DETACHED = "55000"  # PostgreSQL's object_not_in_prerequisite_state


def statement(template: LiteralString, *names: str) -> str:
    """SQL with each `{}` filled in by a quoted name."""
    return composable.SQL(template).format(*map(composable.Identifier, names)).as_string()


@dataclass(frozen=True, slots=True)
class Partition:
    """One month of one table. `start` inclusive, `end` exclusive, UTC; `rows` is an estimate, -1 if there is none."""

    table: str
    name: str
    start: datetime
    end: datetime
    rows: int
    size_bytes: int


def partitions() -> list[Partition]:
    """All of them, oldest first."""
    with connections[analytics_database()].cursor() as cursor:
        # The bounds are written in the connection's zone; Django's is UTC.
        cursor.execute(sql("plan_purge"))
        return [
            Partition(table, name, start.astimezone(UTC), end.astimezone(UTC), rows, size)
            for table, name, start, end, rows, size in cursor.fetchall()
        ]


def make_months_ahead(now: datetime | None = None) -> int:
    """Make this month's partitions and the next three months'; how many were missing."""
    this_month = first_of_month(now or timezone.now())
    made = 0
    with connections[analytics_database()].cursor() as cursor:
        for ahead in range(MONTHS_AHEAD + 1):
            cursor.execute("SELECT analytics_make_month(%s)", [months_before(this_month, -ahead)])
            row = cursor.fetchone()
            made += row[0] if row else 0
    return made


def after_migrate(using: str, plan: list[Any] | None = None, **_: Any) -> None:
    """Receiver of `post_migrate`: a site that has just been set up can store at once."""
    if using == analytics_database() and "analytics_endpoint_usage" in connections[using].introspection.table_names():
        make_months_ahead()


def drop(partition: Partition, *, warn: Callable[[str], None]) -> None:
    """Detach and drop one month of one table.

    DETACH CONCURRENTLY lets rows go on coming in; the drop then touches a table that nothing else sees. Interrupted in
    between, FINALIZE takes it up again.
    """
    table, name = partition.table, partition.name
    with connections[analytics_database()].cursor() as cursor:
        try:
            cursor.execute(statement("ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY", table, name))
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != HALF_DETACHED:
                raise
            warn(f"{name} was left half detached; finishing that")
            cursor.execute(statement("ALTER TABLE {} DETACH PARTITION {} FINALIZE", table, name))
        cursor.execute(statement("DROP TABLE {}", name))
