"""Requests that wait together share a transaction, each written by the thread of one of them.

A commit costs the same for one request as for ten. So who begins takes along all that wait, up to a limit, and who
comes while others are writing waits, until one of those who have written hands over or enough is waiting to be worth a
transaction beside theirs, as PostgreSQL's `commit_delay` has it. A request that comes alone is written at once.

There are no threads here besides those that bring the requests, and each of these is woken once: a change of threads
costs as much as half a small request.
"""

import logging
import threading
from collections import deque
from dataclasses import dataclass, field
from threading import Lock

import psycopg
from psycopg import errors

from analytics.exceptions import AnalyticsError
from analytics.ingest import metrics
from analytics.ingest.rejections import rejections
from analytics.ingest.verdict import Verdict
from analytics.ingest.write import Writer
from privacy.outages import cause

logger = logging.getLogger(__name__)

WRITERS = 4
# How many spans may share a transaction, unless one request alone has more.
LARGEST_GROUP = 4096
# So many spans are worth a transaction beside another one; fewer wait so long for it to end.
WORTH_A_TRANSACTION = 256
COMPANY_SECONDS = 0.02


class Busy(AnalyticsError):
    """All writers are at work, and have been for longer than the request would wait."""


def _locked() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class _Request:
    """One that waits. It is woken when it is done, or when it is its turn to write."""

    verdicts: Verdict
    asleep: Lock = field(default_factory=_locked)
    writer: Writer | None = None  # its turn, with this one
    error: Exception | None = None


class Pool:
    """`slot` numbers the process among several that write to the same database. Thread-safe."""

    def __init__(self, conninfo: str, slot: int) -> None:
        self._writers = [Writer(conninfo, slot * WRITERS + number) for number in range(WRITERS)]
        self._idle = list(self._writers)
        self._waiting: deque[_Request] = deque()
        self._waiting_spans = 0
        self._lock = Lock()  # of all this; held for moments only
        self._quiet = threading.Condition(self._lock)

    def write(self, verdicts: Verdict, *, patience_seconds: float) -> None:
        """Returns when all is committed; what was erased since has moved to `verdicts.rejected` then.

        Raises Busy, and psycopg.Error if the database cannot take it; in both cases nothing of it is stored.
        """
        request = _Request(verdicts)
        with self._lock:
            self._waiting.append(request)
            self._waiting_spans += verdicts.received
            if self._is_worth_a_transaction():
                self._appoint(request)
        if request.writer is None:
            self._wait(request, patience_seconds)
        if request.writer is not None:
            self._write(request, request.writer)
        if request.error is not None:
            raise request.error

    def close(self) -> None:
        """Let go of the database, even if it does not answer; who still waits is told that it is away."""
        for writer in self._writers:
            writer.hang_up()
        with self._quiet:
            self._quiet.wait_for(lambda: not self._waiting and self._nobody_writes())
        for writer in self._writers:
            writer.close()

    def _wait(self, request: _Request, patience_seconds: float) -> None:
        """Until it is done or its turn. Raises Busy."""
        if request.asleep.acquire(timeout=min(COMPANY_SECONDS, patience_seconds)):
            return
        with self._lock:
            if request in self._waiting and self._idle:
                self._appoint(request)
                return
        if request.asleep.acquire(timeout=max(patience_seconds - COMPANY_SECONDS, 0)):
            return
        with self._lock:
            if request in self._waiting:
                self._remove(request)
                raise Busy("All writers are busy.")
        # It is being written, or about to be.
        request.asleep.acquire()

    def _write(self, request: _Request, writer: Writer) -> None:
        """Write the request and what waits beside it; then wake whose turn it is, and who is done."""
        with self._lock:
            group, size = [request], request.verdicts.received
            while self._waiting and size < LARGEST_GROUP:
                group.append(self._waiting[0])
                size += self._waiting[0].verdicts.received
                self._remove(self._waiting[0])
        try:
            _write(writer, group)
        finally:
            with self._lock:
                self._idle.append(writer)
                if self._waiting and self._is_worth_a_transaction():
                    following = self._waiting[0]
                    self._appoint(following)
                    following.asleep.release()
                self._quiet.notify_all()
            for each in group:
                if each is not request:
                    each.asleep.release()

    # With the lock held.

    def _appoint(self, request: _Request) -> None:
        self._remove(request)
        request.writer = self._idle.pop()

    def _remove(self, request: _Request) -> None:
        self._waiting.remove(request)
        self._waiting_spans -= request.verdicts.received

    def _is_worth_a_transaction(self) -> bool:
        return bool(self._idle) and (self._nobody_writes() or self._waiting_spans >= WORTH_A_TRANSACTION)

    def _nobody_writes(self) -> bool:
        return len(self._idle) == len(self._writers)


def _write(writer: Writer, group: list[_Request]) -> None:
    try:
        counts = writer.write(*(request.verdicts for request in group))
        metrics.count(counts)
        rejections.count(counts)
    except Exception as error:  # noqa: BLE001  whatever it is, somebody waits to hear of it
        if len(group) > 1 and not isinstance(error, errors.OperationalError):
            # It is about one of them, then, and no reason to refuse the others.
            for request in group:
                _write(writer, [request])
            return
        _log(error, group)
        for request in group:
            request.error = error


def _log(error: Exception, group: list[_Request]) -> None:
    # The message may quote rows; the cause is in words of ours.
    spans = sum(request.verdicts.received for request in group)
    level = logging.WARNING if isinstance(error, psycopg.Error) else logging.ERROR
    why = f" cause={cause(error)}" if isinstance(error, psycopg.Error) else ""
    logger.log(level, "Not stored: requests=%d spans=%d error=%s%s", len(group), spans, type(error).__name__, why)
