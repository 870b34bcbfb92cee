"""Writes rows to PostgreSQL, each exactly once, and a request's rows in one transaction.

Round trips are most of the cost of a small request, so everything is first sent as one script (see `script`). If a row
exists already or must be rejected, the request is written step by step instead.
"""

import logging
import os
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from analytics.connection import connect
from analytics.ingest import copy
from analytics.ingest.script import begin, cancel_copy, send_copy_data
from analytics.ingest.verdict import (
    DUPLICATE,
    ERASURE,
    NO_SENDER,
    PART,
    REJECTED,
    STORED,
    Counts,
    Fate,
    Reason,
    Row,
    Verdict,
)
from analytics.retention import first_of_month
from analytics.vocabulary import Category
from privacy.clock import from_unix_us
from privacy.outages import cause

ALL_STORED, ALL_DUPLICATE = Fate(STORED), Fate(DUPLICATE)
DAY_US = 86_400 * 1_000_000
# A statement that takes longer than this fails, and the sender repeats the request. The same limit holds for an idle
# transaction: a process frozen inside one would block everything that waits for writers to finish.
STATEMENT_TIMEOUT_MS = 10_000
# Set in each transaction, because a connection pooler may run each in another session.
BEGIN = f"""
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS};
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = {STATEMENT_TIMEOUT_MS};
""".encode()
MAXIMUM_ATTEMPTS = 4

_COUNTS = "%s::varchar[], %s::varchar[], %s::varchar[], %s::bigint[]"  # outcomes, reasons, senders, spans
_END_INGEST = f"SELECT analytics_end_ingest(%s::date[], %s, %s::smallint, {_COUNTS}); COMMIT"

_DATE_DOCTOR_SPANS = """
UPDATE analytics_doctor_span SET stored_at = clock_timestamp() WHERE id = ANY (%s) AND stored_at IS NULL
"""

Tables = dict[Category, list[Row]]

logger = logging.getLogger(__name__)


class Writer:
    """One connection to the analytics database, for one thread at a time. Reconnects by itself.

    `conninfo` is libpq's. Writers count in separate rows, one for each `slot`, so that none waits for another.
    """

    def __init__(self, conninfo: str, slot: int) -> None:
        self._conninfo, self._slot = conninfo, slot
        self._connection: psycopg.Connection | None = None
        self._months: set[datetime] = set()
        self._ended = False

    def write(self, *requests: Verdict) -> Counts:
        """Store the accepted rows of the requests and count them. Returns the counts by (outcome, reason, sender).

        Rows of people who asked for deletion meanwhile count as refused. Everything is committed on return. Raises
        psycopg.Error if the database does not accept it; then nothing of any request is stored or counted.
        """
        at_once = True
        for attempt in range(MAXIMUM_ATTEMPTS):
            connection = self._connected()
            try:
                _date_doctor_spans(connection, requests)
                tables = _tables(requests)
                days = _days(tables)
                self._make_months(connection, days)
                counts = self._at_once(connection, requests, tables, days) if at_once else None
                return self._step_by_step(connection, requests, tables) if counts is None else counts
            except (errors.UniqueViolation, errors.DeadlockDetected, errors.SerializationFailure):
                at_once = False
            except errors.CheckViolation:
                # The partition was dropped meanwhile. Its month is still inside the window, so create it again.
                self._months.clear()
            except errors.QueryCanceled:
                raise  # it was too slow, and a repetition would be too
            except psycopg.OperationalError:
                # A connection lost while idle is noticed only now. Repeating is safe even if the transaction was
                # committed: its rows have the same keys.
                self.close()
                if attempt:
                    raise
        raise errors.OperationalError("the same request failed again and again")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def hang_up(self) -> None:
        """Interrupt `write` from another thread: if the database does not answer, `write` raises an error."""
        self._ended = True
        connection = self._connection
        if connection is not None:
            with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connected(self) -> psycopg.Connection:
        if self._ended:
            raise errors.OperationalError("the processor is ending")
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._conninfo)
            self._months.clear()
        return self._connection

    def _make_months(self, connection: psycopg.Connection, days: set[int]) -> None:
        months = {first_of_month(from_unix_us(day * DAY_US)) for day in days}
        for month in sorted(months - self._months):
            with _rolled_back_after_an_error(connection):
                connection.execute(BEGIN)
                connection.execute("SELECT analytics_make_month(%s)", [month])
                connection.execute("COMMIT")
            self._months.add(month)

    def _at_once(
        self, connection: psycopg.Connection, requests: Sequence[Verdict], tables: Tables, days: set[int]
    ) -> Counts | None:
        """Write everything as one script. Returns None, and writes nothing, if some rows must be rejected."""
        counts = _judged(requests)
        counts.update({ALL_STORED: sum(map(len, tables.values())), ALL_DUPLICATE: 0})
        copies = b"".join(copy.COPY[category] + b";" for category in tables)
        script = BEGIN + _begin_ingest(tables) + b";" + copies + self._end_ingest(connection, days, counts)
        with _rolled_back_after_an_error(connection):
            found = next(result for result in begin(connection, script) if result.status == ExecStatus.TUPLES_OK)
            erased = _erased(found)
            if erased and any(_is_erased(row, erased) for rows in tables.values() for row in rows):
                cancel_copy(connection)
                connection.rollback()
                return None
            for rows in tables.values():
                send_copy_data(connection, copy.copied(rows))
        return counts

    def _step_by_step(self, connection: psycopg.Connection, requests: Sequence[Verdict], tables: Tables) -> Counts:
        with _rolled_back_after_an_error(connection):
            connection.execute(BEGIN)
            _reject_erased(connection, requests, tables)
            tables = _tables(requests)
            counts = _judged(requests)
            for category, rows in tables.items():
                stored = copy.staged_rows(connection, category, rows)
                counts[ALL_STORED] += stored
                counts[ALL_DUPLICATE] += len(rows) - stored
            connection.execute(self._end_ingest(connection, _days(tables), counts))
        return counts

    def _end_ingest(self, connection: psycopg.Connection, days: set[int], counts: Counts) -> bytes:
        # Sorted, to avoid a deadlock of two writers with the same slot on two machines.
        entries = sorted((*key, spans) for key, spans in counts.items() if spans)
        parameters = (
            [(from_unix_us(day * DAY_US)).date() for day in sorted(days)],
            datetime.now(UTC).date(),
            self._slot,
            *([entry[place] for entry in entries] for place in range(4)),
        )
        return psycopg.ClientCursor(connection).mogrify(_END_INGEST, parameters).encode()


def _date_doctor_spans(connection: psycopg.Connection, requests: Sequence[Verdict]) -> None:
    """Date the rows that the doctor's spans are waited for with; ids that nobody waits for have no effect."""
    ids = {UUID(bytes=trace_id) for request in requests for trace_id in request.doctors}
    if not ids:
        return
    try:
        with _rolled_back_after_an_error(connection):
            connection.execute(BEGIN)
            connection.execute(_DATE_DOCTOR_SPANS, [list(ids)])
            connection.execute("COMMIT")
    except psycopg.ProgrammingError as error:
        # The table or the right to it is missing, which must not hold back the rows of the same request.
        logger.warning("A test span was not stored: cause=%s", cause(error))


def _reject_erased(connection: psycopg.Connection, requests: Sequence[Verdict], tables: Tables) -> None:
    """Remove from `requests` the rows of people who have asked for deletion meanwhile."""
    [found] = begin(connection, _begin_ingest(tables))
    erased = _erased(found)
    for request in requests:
        for category, rows in request.rows.items():
            kept = [row for row in rows if not _is_erased(row, erased)]
            request.refusals[Reason.ERASED, NO_SENDER] += len(rows) - len(kept)
            request.rows[category] = kept


def _begin_ingest(tables: Tables) -> bytes:
    people = {row[copy.USER] for rows in tables.values() for row in rows}
    array = ",".join([person.hex() for person in people]).encode()
    return (
        b"SELECT user_id, (extract(epoch FROM requested_at) * 1000000)::bigint"
        b" FROM analytics_begin_ingest('{" + array + b"}')"
    )


def _erased(found: PGresult) -> dict[bytes, int]:
    """Return when each person last asked for deletion, in microseconds since 1970, from `_begin_ingest`'s result."""
    cells = [(found.get_value(row, 0), found.get_value(row, 1)) for row in range(found.ntuples)]
    return {UUID(user_id.decode()).bytes: int(moment_us) for user_id, moment_us in cells if user_id and moment_us}


def _is_erased(row: Row, erased: dict[bytes, int]) -> bool:
    erased_at_us = erased.get(row[copy.USER])
    return erased_at_us is not None and copy.timestamp_us(row) <= erased_at_us


def _judged(requests: Sequence[Verdict]) -> Counts:
    """Count what is known before writing: rejected spans, omitted parts, completed erasures."""
    counts: Counts = Counter()
    for request in requests:
        counts.update({Fate(outcome, ERASURE): spans for outcome, spans in request.erased.items()})
        for outcome, found in ((REJECTED, request.refusals), (PART, request.dropped_of)):
            counts.update(
                {Fate(outcome, name.value, sender): spans for (name, sender), spans in found.items() if spans}
            )
    return counts


@contextmanager
def _rolled_back_after_an_error(connection: psycopg.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise


def _tables(requests: Sequence[Verdict]) -> Tables:
    """Return the rows of all requests by table, sorted by key.

    Every writer uses the same order of tables and keys, which avoids deadlocks.
    """
    tables = {category: [row for request in requests for row in request.rows[category]] for category in Category}
    for rows in tables.values():
        rows.sort()  # a row begins with its key
    return {category: rows for category, rows in tables.items() if rows}


def _days(tables: Tables) -> set[int]:
    """Return the days of the rows, counted since 1970."""
    days: set[int] = set()
    for rows in tables.values():
        first, last = copy.timestamp_us(rows[0]) // DAY_US, copy.timestamp_us(rows[-1]) // DAY_US
        # Most requests have rows of one day only, which the first and the last row show.
        days |= {first} if first == last else {copy.timestamp_us(row) // DAY_US for row in rows}
    return days
