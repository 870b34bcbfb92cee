"""Delete the rows of one person from this installation's database, for good."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import BoundedSemaphore, Lock
from uuid import UUID, uuid4

from django.db import connections

from analytics.erasure.receipts import receipt_of
from analytics.ingest.pool import Busy
from analytics.ingest.verdict import ErasureRequest
from analytics.keep.locks import no_writer_at_work
from analytics.models import Erasure, Tombstone
from analytics.router import analytics_database
from analytics.sql import sql
from privacy.clock import database_now, from_unix_us
from privacy.telemetry import Receipt

# Rows of any time are rejected: a person who continues sharing gets a new pseudonym.
FOR_GOOD = datetime(9999, 12, 31, tzinfo=UTC)
# Of requests that a processor receives: threads that may wait, for how long, and the rest after each as its multiple.
WAITING_AT_ONCE = 4
PATIENCE_SECONDS = 1.0
REST = 9


@dataclass(frozen=True, slots=True)
class Erased:
    """A pseudonym that was erased, as a tombstone or a log has it: rows of it up to `until` are rejected."""

    user_id: UUID
    until: datetime = FOR_GOOD


def erase(erasure_id: UUID, pseudonyms: list[UUID], *, requested_at: datetime, until: datetime = FOR_GOOD) -> Receipt:
    """Delete all rows of a person's pseudonyms up to `until` in one transaction, and leave the tombstones.

    Raises django.db.DatabaseError; then nothing was deleted.
    """
    _erase(erasure_id, pseudonyms, requested_at, until)
    return receipt_of(Erasure.objects.get(pk=erasure_id))


def erase_received(asked: ErasureRequest) -> bool:
    """Carry out a request that the processor received, in a transaction of its own; False if it was known already.

    Raises Busy, where the sender is to come again, and django.db.DatabaseError.
    """
    id_, pseudonyms, moment = UUID(bytes=asked.id), [UUID(bytes=asked.user_id)], from_unix_us(asked.requested_at_us)
    try:
        if _is_known(id_, pseudonyms):
            return False  # before the lock, which holds up every writer; `_erase` looks again
        with _turns.one():
            return _erase(id_, pseudonyms, moment, FOR_GOOD, unless_known=True)
    finally:
        connections[analytics_database()].close()  # the next request may come in another thread


def replay(logged: Iterable[Erased]) -> tuple[int, int]:
    """Erase again whatever a log or a tombstone names whose rows are there; number of pseudonyms, and of rows.

    For the day after a backup was restored, which brings back what was deleted since it was made.
    """
    known = dict(Tombstone.objects.values_list("user_id", "until"))
    again = {each for each in logged if each.user_id not in known or known[each.user_id] < each.until}
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("erasures_undone"))
        again |= {Erased(*row) for row in cursor.fetchall()}
    by_moment: defaultdict[datetime, list[UUID]] = defaultdict(list)
    for each in again:
        by_moment[each.until].append(each.user_id)
    rows = 0
    for until, pseudonyms in sorted(by_moment.items()):
        receipt = erase(uuid4(), sorted(pseudonyms), requested_at=database_now(analytics_database()), until=until)
        rows += sum(receipt.rows_deleted.values())
    return len(again), rows


class _Turns:
    """Of requests that a processor receives: one at a time, and for at most a tenth of the time.

    Each holds up every writer of rows, and anybody can make up pseudonyms to delete.
    """

    def __init__(self) -> None:
        self._waiting, self._one = BoundedSemaphore(WAITING_AT_ONCE), Lock()
        self._not_before = 0.0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a turn. Raises Busy."""
        if not self._waiting.acquire(blocking=False):
            raise Busy("Too many requests to delete.")
        try:
            if not self._one.acquire(timeout=PATIENCE_SECONDS):
                raise Busy("Too many requests to delete.")
            try:
                time.sleep(max(0.0, self._not_before - time.monotonic()))
                began = time.monotonic()
                yield
                ended = time.monotonic()
                self._not_before = ended + min(REST * (ended - began), PATIENCE_SECONDS)
            finally:
                self._one.release()
        finally:
            self._waiting.release()


_turns = _Turns()


def _erase(
    erasure_id: UUID, pseudonyms: list[UUID], moment: datetime, until: datetime, *, unless_known: bool = False
) -> bool:
    """Return whether the request was carried out. The only function that acquires the lock of erasures."""
    with no_writer_at_work() as cursor:
        if unless_known and _is_known(erasure_id, pseudonyms):
            return False
        cursor.execute("SELECT analytics_erase_person(%s, %s, %s, %s)", [erasure_id, pseudonyms, until, moment])
    return True


def _is_known(erasure_id: UUID, pseudonyms: list[UUID]) -> bool:
    """Return whether this very request was carried out. Its id is the sender's choice, so it alone says nothing."""
    erased = Tombstone.objects.filter(user_id__in=pseudonyms, until=FOR_GOOD)
    return Erasure.objects.filter(pk=erasure_id).exists() and erased.count() == len(pseudonyms)
