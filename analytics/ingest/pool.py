"""Writes waiting requests together, several in one transaction.

A commit costs the same for one request as for ten. A request that arrives alone is written at once. A request that
arrives during a transaction waits until a writer is free, or until enough spans wait for another transaction beside it
(like PostgreSQL's `commit_delay`). One request's thread then writes all waiting requests, up to a limit.

The pool has no threads of its own, and wakes each request's thread only once: a thread switch costs half as much as a
small request.
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
# The most spans in one transaction, unless a single request has more.
LARGEST_GROUP = 4096
# This many spans get a second transaction at once. Fewer wait this long for the running one to end.
WORTH_A_TRANSACTION = 256
GROUPING_SECONDS = 0.02


class Busy(AnalyticsError):
    """All writers were busy for longer than the request may wait."""


def _locked() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class _Request:
    """A waiting request. Its thread is woken when it is stored, or when it is its turn to write."""

    verdicts: Verdict
    asleep: Lock = field(default_factory=_locked)
    writer: Writer | None = None  # set when it is its turn to write
    error: Exception | None = None


class Pool:
    """The writers of one process. `slot` is its number among processes with the same database. Thread-safe."""

    def __init__(self, conninfo: str, slot: int) -> None:
        self._writers = [Writer(conninfo, slot * WRITERS + number) for number in range(WRITERS)]
        self._idle = list(self._writers)
        self._waiting: deque[_Request] = deque()
        self._waiting_spans = 0
        self._lock = Lock()  # protects the attributes above; never held while writing
        self._quiet = threading.Condition(self._lock)

    def write(self, verdicts: Verdict, *, patience_seconds: float) -> None:
        """Store a request. Returns after the commit; rows of people erased meanwhile count as refused.

        Raises Busy, or psycopg.Error if the database does not accept it. In both cases none of it is stored.
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
        """Close the connections, even if the database does not answer. Waiting requests get an error."""
        for writer in self._writers:
            writer.hang_up()
        with self._quiet:
            self._quiet.wait_for(lambda: not self._waiting and self._nobody_writes())
        for writer in self._writers:
            writer.close()

    def _wait(self, request: _Request, patience_seconds: float) -> None:
        """Wait until the request is stored or it is its turn to write. Raises Busy."""
        if request.asleep.acquire(timeout=min(GROUPING_SECONDS, patience_seconds)):
            return
        with self._lock:
            if request in self._waiting and self._idle:
                self._appoint(request)
                return
        if request.asleep.acquire(timeout=max(patience_seconds - GROUPING_SECONDS, 0)):
            return
        with self._lock:
            if request in self._waiting:
                self._remove(request)
                raise Busy("All writers are busy.")
        # Another thread is writing it, or about to.
        request.asleep.acquire()

    def _write(self, request: _Request, writer: Writer) -> None:
        """Write this and other waiting requests; then wake those, and the request whose turn is next."""
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

    # Call these with the lock held.

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
    except Exception as error:  # noqa: BLE001  the waiting requests need every error
        if len(group) > 1 and not isinstance(error, errors.OperationalError):
            # The error may be about one of them only, so write each by itself.
            for request in group:
                _write(writer, [request])
            return
        _log(error, group)
        for request in group:
            request.error = error


def _log(error: Exception, group: list[_Request]) -> None:
    # The error's message may quote rows, so log our own description instead.
    spans = sum(request.verdicts.received for request in group)
    level = logging.WARNING if isinstance(error, psycopg.Error) else logging.ERROR
    why = f" cause={cause(error)}" if isinstance(error, psycopg.Error) else ""
    logger.log(level, "Not stored: requests=%d spans=%d error=%s%s", len(group), spans, type(error).__name__, why)
