"""Monthly partitions, UTC: made ahead, listed, dropped."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, LiteralString

from django.db import connections
from django.utils import timezone
from psycopg import sql as composable

from analytics.retention import first_of_month, months_before
from analytics.router import analytics_database
from analytics.sql import sql

MONTHS_AHEAD = 3
TABLES = ("analytics_user_activity", "analytics_endpoint_usage", "analytics_feature_usage")


class State(StrEnum):
    """Whether a month's table is part of its parent; the latter two are what a purge left that was killed."""

    ATTACHED = "attached"
    HALF_DETACHED = "half_detached"
    DETACHED = "detached"


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
    state: State


def partitions() -> list[Partition]:
    """All of them, oldest first."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("partitions"))
        return [
            Partition(table, name, start.astimezone(UTC), end.astimezone(UTC), rows, size, State(state))
            for table, name, start, end, rows, size, state in cursor.fetchall()
        ]


def make_month(moment: datetime) -> int:
    """Make the partitions of the month that contains `moment`, or attach them again; how many were missing."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute("SELECT analytics_make_month(%s)", [moment])
        row = cursor.fetchone()
        return int(row[0])


def months_ahead(now: datetime | None = None) -> list[datetime]:
    """This month and the next three."""
    this_month = first_of_month(now or timezone.now())
    return [months_before(this_month, -ahead) for ahead in range(MONTHS_AHEAD + 1)]


def make_months_ahead(now: datetime | None = None) -> int:
    """Make the partitions of these months; how many were missing."""
    return sum(make_month(month) for month in months_ahead(now))


def missing_ahead(now: datetime | None = None) -> list[str]:
    """The names of those that `make_months_ahead` would make, or attach again."""
    there = {(each.table, each.start) for each in partitions() if each.state is State.ATTACHED}
    wanted = [(table, month) for month in months_ahead(now) for table in TABLES]
    return [f"{table}_y{month:%Y}m{month:%m}" for table, month in wanted if (table, month) not in there]


def after_migrate(using: str, plan: list[Any] | None = None, **_: Any) -> None:
    """Receiver of `post_migrate`: a site that has just been set up can store at once."""
    if using == analytics_database() and "analytics_endpoint_usage" in connections[using].introspection.table_names():
        make_months_ahead()


def attach_again(found: Iterable[Partition], *, say: Callable[[str], None]) -> None:
    """Attach those months whose table a purge has detached and not dropped, because it was killed.

    PostgreSQL detaches nothing from a table one of whose partitions is half detached.
    """
    for partition in found:
        if partition.state is not State.ATTACHED:
            make_month(partition.start)
            say(f"attached {partition.name} again, which an interrupted purge had detached")


def drop(partition: Partition) -> None:
    """Detach and drop one month of one table.

    DETACH CONCURRENTLY lets rows go on coming in; the drop then touches a table that nothing else sees. Interrupted in
    between, the next purge takes it up from the partition's state.
    """
    table, name = partition.table, partition.name
    with connections[analytics_database()].cursor() as cursor:
        match partition.state:
            case State.ATTACHED:
                cursor.execute(statement("ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY", table, name))
            case State.HALF_DETACHED:
                cursor.execute(statement("ALTER TABLE {} DETACH PARTITION {} FINALIZE", table, name))
            case State.DETACHED:
                pass
        cursor.execute(statement("DROP TABLE {}", name))
