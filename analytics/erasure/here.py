"""Delete the rows of one person from this installation's database, for good."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from uuid import UUID, uuid4

from django.db import connections

from analytics.erasure.receipts import days_to_recompute, receipt
from analytics.ingest.verdict import ErasureRequest
from analytics.keep.locks import no_writer_at_work
from analytics.models import Erasure
from analytics.router import analytics_database
from analytics.sql import sql
from privacy.clock import database_now, from_unix_us
from privacy.telemetry import Receipt

_turn = Lock()  # of the processor's threads: each would hold a connection while it waits


@dataclass(frozen=True, slots=True)
class Request:
    """A request to delete, as any log of them has it."""

    id: UUID
    user_id: UUID
    requested_at: datetime


def erase(pseudonym: UUID, *, requested_at: datetime | None = None, erasure_id: UUID | None = None) -> Receipt:
    """Delete all rows of `pseudonym` up to `requested_at` (default: now) in one transaction.

    The receipt's row is also the tombstone: ingest rejects older rows of the pseudonym from then on. Raises
    django.db.DatabaseError; then nothing was deleted.
    """
    request = Request(erasure_id or uuid4(), pseudonym, requested_at or database_now(analytics_database()))
    _erase(request)
    return receipt(Erasure.objects.get(pk=request.id), days_to_recompute(pseudonym))


def erase_received(asked: ErasureRequest) -> bool:
    """Carry out a request that the processor received, in a transaction of its own; False if it was known already.

    Raises django.db.DatabaseError.
    """
    request = Request(UUID(bytes=asked.id), UUID(bytes=asked.user_id), from_unix_us(asked.requested_at_us))
    try:
        with _turn:
            return _erase(request, unless_known=True)
    finally:
        connections[analytics_database()].close()  # the next request may come in another thread


def replay(logged: Iterable[Request]) -> list[Receipt]:
    """Carry out again every request of the log and of the table whose rows are there; the receipts of those that were.

    For the day after a backup was restored, which brings back what was deleted since it was made.
    """
    carried_out = [_again(request) for request in missed(logged)]
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(sql("erasures_undone"))
        undone = [Request(*row) for row in cursor.fetchall()]
    return [*carried_out, *map(_again, undone)]


def missed(logged: Iterable[Request]) -> list[Request]:
    """Each pseudonym's latest request of the log, where the table has neither it nor a later one."""
    latest: dict[UUID, Request] = {}
    for request in sorted(logged, key=lambda each: each.requested_at):
        latest[request.user_id] = request
    known: set[UUID] = set()
    done: dict[UUID, datetime] = {}
    of_these = Erasure.objects.filter(user_id__in=latest).order_by("requested_at")
    for id_, user_id, moment in of_these.values_list("id", "user_id", "requested_at"):
        known.add(id_)
        done[user_id] = moment
    return [
        each
        for each in latest.values()
        if each.id not in known and (each.user_id not in done or done[each.user_id] < each.requested_at)
    ]


def _again(request: Request) -> Receipt:
    return erase(request.user_id, requested_at=request.requested_at, erasure_id=request.id)


def _erase(request: Request, *, unless_known: bool = False) -> bool:
    """Whether the request was carried out. The one place where the lock of erasures is taken."""
    with no_writer_at_work() as cursor:
        if unless_known and Erasure.objects.filter(pk=request.id).exists():
            return False
        cursor.execute("SELECT analytics_erase_person(%s, %s, %s)", [request.id, request.user_id, request.requested_at])
    return True
