"""Rows -> PostgreSQL, each exactly once: one transaction a request, and the answer only after its commit."""

from collections import Counter
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import UUID

import orjson
import psycopg
from psycopg import errors, sql
from psycopg.types.json import set_json_dumps

from analytics.ingest.verdicts import COLUMNS, ID, TABLES, TIMESTAMP, USER, Reason, Row, Verdicts
from analytics.retention import first_of_month
from analytics.sql import sql as named_sql
from analytics.vocabulary import Category

STORED, DUPLICATE, REJECTED = "stored", "duplicate", "rejected"
ERASURE = "erasure"  # the reason beside `stored` for a request to delete that was carried out
# A statement that waits longer than this is a database in trouble; the sender will come again.
STATEMENT_TIMEOUT_MS = 10_000
MAXIMUM_ATTEMPTS = 4


class Writer:
    """One connection to the analytics database, for one thread at a time. Reconnects by itself.

    `conninfo` is libpq's; `slot` tells this writer's counts from other writers', who may count at the same time.
    """

    def __init__(self, conninfo: str, slot: int) -> None:
        self._conninfo, self._slot = conninfo, slot
        self._connection: psycopg.Connection | None = None
        self._months: set[datetime] = set()

    def write(self, verdicts: Verdicts) -> Counter[tuple[str, str]]:
        """Store everything the verdicts keep, and count; the counts by (outcome, reason), committed.

        Raises psycopg.Error if the database cannot take it; then nothing of the request is stored or counted.
        """
        staged = False
        for attempt in range(MAXIMUM_ATTEMPTS):
            connection = self._connected()
            try:
                self._make_months(connection, verdicts)
                return self._transaction(connection, verdicts, staged=staged)
            except errors.UniqueViolation:
                staged = True
            except errors.CheckViolation:
                # The partition was dropped since we last saw it; it is still inside the window, so it is made again.
                self._months.clear()
            except (errors.DeadlockDetected, errors.SerializationFailure):
                staged = True
            except psycopg.OperationalError:
                # A connection that died while idle says so only now. Nothing was committed that we know of, and if
                # something was, its rows have the same keys.
                self.close()
                if attempt:
                    raise
        raise errors.OperationalError("the same request failed again and again")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._conninfo,
                connect_timeout=5,
                autocommit=True,
                # A process that is frozen in mid-transaction would hold up whoever waits for writers to end.
                options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC"
                f" -c idle_in_transaction_session_timeout={STATEMENT_TIMEOUT_MS}",
            )
            # Metadata only ever goes through here on its way in; the standard library's is some twenty times slower.
            set_json_dumps(orjson.dumps, self._connection)
            self._months.clear()
        return self._connection

    def _make_months(self, connection: psycopg.Connection, verdicts: Verdicts) -> None:
        months = {first_of_month(row[TIMESTAMP]) for rows in verdicts.rows.values() for row in rows}
        for month in sorted(months - self._months):
            connection.execute("SELECT analytics_make_month(%s)", [month])
            self._months.add(month)

    def _transaction(
        self, connection: psycopg.Connection, verdicts: Verdicts, *, staged: bool
    ) -> Counter[tuple[str, str]]:
        counts: Counter[tuple[str, str]] = Counter(
            {(REJECTED, reason.value): number for reason, number in verdicts.rejected.items()}
        )
        with connection.transaction():
            for erasure in verdicts.erasures:
                known = connection.execute("SELECT 1 FROM analytics_erasure WHERE id = %s", [erasure.id]).fetchone()
                if known is None:
                    connection.execute(
                        "SELECT analytics_erase_person(%s, %s, %s)",
                        [erasure.id, erasure.user_id, erasure.requested_at],
                    )
                counts[(DUPLICATE if known else STORED, ERASURE)] += 1
            rows = self._not_erased(connection, verdicts, counts)
            for category, of_table in rows.items():
                if of_table:
                    # Every writer goes through tables and keys in the same order, so none waits in a circle.
                    of_table.sort(key=lambda row: (row[TIMESTAMP], row[ID]))
                    new = _staged if staged else _copied
                    stored = new(connection, category, of_table)
                    counts[(STORED, "")] += stored
                    counts[(DUPLICATE, "")] += len(of_table) - stored
            # Rollups of these days are behind from this commit on.
            days = {row[TIMESTAMP].date() for of_table in rows.values() for row in of_table}
            if days:
                connection.execute(named_sql("touch_days").encode(), {"days": sorted(days)})
            self._count(connection, counts)
        return counts

    def _not_erased(
        self, connection: psycopg.Connection, verdicts: Verdicts, counts: Counter[tuple[str, str]]
    ) -> dict[Category, list[Row]]:
        """The rows, less those of people who have asked for deletion since; see erase_person.sql for the lock."""
        people = list({row[USER] for rows in verdicts.rows.values() for row in rows})
        if not people:
            return verdicts.rows
        connection.execute("SELECT pg_advisory_xact_lock_shared(hashtext('analytics_rows'))")
        found = connection.execute(
            "SELECT user_id, max(requested_at) FROM analytics_erasure WHERE user_id = ANY(%s) GROUP BY user_id",
            [people],
        ).fetchall()
        if not found:
            return verdicts.rows
        erased: dict[UUID, datetime] = dict(found)
        kept = {
            category: [row for row in rows if row[USER] not in erased or row[TIMESTAMP] > erased[row[USER]]]
            for category, rows in verdicts.rows.items()
        }
        counts[(REJECTED, Reason.ERASED.value)] += sum(map(len, verdicts.rows.values())) - sum(map(len, kept.values()))
        return kept

    def _count(self, connection: psycopg.Connection, counts: Counter[tuple[str, str]]) -> None:
        day = datetime.now(UTC).date()
        entries = sorted((outcome, reason, spans) for (outcome, reason), spans in counts.items() if spans)
        if entries:
            outcomes, reasons, spans = zip(*entries, strict=True)
            connection.execute(
                named_sql("add_to_ingest_tally").encode(), [day, self._slot, list(outcomes), list(reasons), list(spans)]
            )


def _copy_into(cursor: psycopg.Cursor, table: str, category: Category, rows: list[Row]) -> None:
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in COLUMNS[category])
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table), names)
    with cursor.copy(statement) as copy:
        copy.set_types([type_ for _, type_ in COLUMNS[category]])
        for row in rows:
            copy.write_row(row)


def _copied(connection: psycopg.Connection, category: Category, rows: list[Row]) -> int:
    """Straight into the table. Raises UniqueViolation if any of them is there already."""
    with connection.cursor() as cursor:
        _copy_into(cursor, TABLES[category], category, rows)
    return len(rows)


def _staged(connection: psycopg.Connection, category: Category, rows: list[Row]) -> int:
    """By way of a temporary table, passing over what is there already; how many were new."""
    table = TABLES[category]
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in COLUMNS[category])
    staging = f"{table}_staging"
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP").format(
                sql.Identifier(staging), sql.Identifier(table)
            )
        )
        _copy_into(cursor, staging, category, rows)
        cursor.execute(
            sql.SQL('INSERT INTO {} ({}) SELECT {} FROM {} ORDER BY "timestamp", id ON CONFLICT DO NOTHING').format(
                sql.Identifier(table), names, names, sql.Identifier(staging)
            )
        )
        return cursor.rowcount
