"""Monthly partitions (UTC): create ahead, list, drop."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from threading import Timer
from typing import Any, LiteralString

from django.db import OperationalError, connections
from psycopg import sql as composable

from analytics.exceptions import InUse
from analytics.retention import first_of_month, months_before
from analytics.router import analytics_database
from analytics.sql import sql
from privacy.clock import database_now
from privacy.elapsed import elapsed

MONTHS_AHEAD = 3
# Longest wait of a purge for readers with open transactions, for all its months together.
PATIENCE_SECONDS = 30.0
QUERY_CANCELED = "57014"
TABLES = ("analytics_user_activity", "analytics_endpoint_usage", "analytics_feature_usage")


class State(StrEnum):
    """Whether a month's table is attached to its parent; a killed purge leaves the other two states."""

    ATTACHED = "attached"
    HALF_DETACHED = "half_detached"
    DETACHED = "detached"


def statement(template: LiteralString, *names: str) -> str:
    """SQL with each `{}` replaced by a quoted name."""
    return composable.SQL(template).format(*map(composable.Identifier, names)).as_string()


@dataclass(frozen=True, slots=True)
class Partition:
    """One month of one table. `start` inclusive, `end` exclusive, UTC; `rows` is an estimate, -1 if unknown."""

    table: str
    name: str
    start: datetime
    end: datetime
    rows: int
    size_bytes: int
    state: State


def partitions() -> list[Partition]:
    """All partitions, oldest first."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("partitions"))
        return [
            Partition(table, name, start.astimezone(UTC), end.astimezone(UTC), rows, size, State(state))
            for table, name, start, end, rows, size, state in cursor.fetchall()
        ]


def make_month(moment: datetime) -> int:
    """Create or re-attach the partitions of the month that contains `moment`; returns how many were missing."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute("SELECT analytics_make_month(%s)", [moment])
        row = cursor.fetchone()
        return int(row[0])


def months_ahead(now: datetime | None = None) -> list[datetime]:
    """This month, by the database's clock, and the next three."""
    this_month = first_of_month(now or database_now(analytics_database()))
    return [months_before(this_month, -ahead) for ahead in range(MONTHS_AHEAD + 1)]


def make_months_ahead(now: datetime | None = None) -> int:
    """Create the partitions of `months_ahead`; returns how many were missing."""
    return sum(make_month(month) for month in months_ahead(now))


def missing_ahead(now: datetime | None = None) -> list[str]:
    """Names of the partitions that `make_months_ahead` would create or re-attach."""
    there = {(each.table, each.start) for each in partitions() if each.state is State.ATTACHED}
    wanted = [(table, month) for month in months_ahead(now) for table in TABLES]
    return [f"{table}_y{month:%Y}m{month:%m}" for table, month in wanted if (table, month) not in there]


def after_migrate(using: str, plan: list[Any] | None = None, **_: Any) -> None:
    """Receiver of `post_migrate`: create partitions, so that a new site can store at once."""
    if using == analytics_database() and "analytics_endpoint_usage" in connections[using].introspection.table_names():
        make_months_ahead()


def attach_again(found: Iterable[Partition], *, report: Callable[[str], None]) -> None:
    """Re-attach months that a killed purge has detached but not dropped.

    While one partition is half detached, PostgreSQL detaches no other of the same table.
    """
    for partition in found:
        if partition.state is not State.ATTACHED:
            make_month(partition.start)
            report(f"attached {partition.name} again, which an interrupted purge had detached")


def drop(partition: Partition, *, deadline: float | None = None) -> None:
    """Detach and drop one month of one table.

    DETACH CONCURRENTLY allows inserts, and the dropped table is then invisible to others. After an interruption, the
    next purge continues from the partition's state.

    This waits for transactions that have read the table, while no other transaction waits behind it. Raises InUse if
    one is still open at `deadline`, a time of `elapsed.now` (default: after PATIENCE_SECONDS).
    """
    deadline = elapsed.now() + PATIENCE_SECONDS if deadline is None else deadline
    table, name = partition.table, partition.name
    with _cancelled_at(deadline, table, name), connections[analytics_database()].cursor() as cursor:
        match partition.state:
            case State.ATTACHED:
                cursor.execute(statement("ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY", table, name))
            case State.HALF_DETACHED:
                cursor.execute(statement("ALTER TABLE {} DETACH PARTITION {} FINALIZE", table, name))
            case State.DETACHED:
                pass
        cursor.execute(statement("DROP TABLE {}", name))


@contextmanager
def _cancelled_at(deadline: float, *relations: str) -> Iterator[None]:
    """Cancel a statement that still waits for a lock at `deadline`. Raises InUse.

    lock_timeout cannot do this: DETACH CONCURRENTLY runs outside of transactions, and a pooler loses session settings.
    """
    connection = connections[analytics_database()]
    connection.ensure_connection()
    timer = Timer(max(deadline - elapsed.now(), 0), connection.connection.cancel_safe)
    timer.start()
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != QUERY_CANCELED:
            raise
        raise InUse(f"{relations[-1]} cannot be dropped while {_users(*relations)}") from None
    finally:
        timer.cancel()
        timer.join()


def _users(*relations: str) -> str:
    """Roles with open transactions that have used one of these relations, other roles than ours first."""
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("users_of"), {"relations": list(relations)})
        users = [f"{role} (pid {pid})" for role, pid, _ in cursor.fetchall()]
    return f"a transaction of {' and '.join(users[:3]) or 'another session'} is open"
