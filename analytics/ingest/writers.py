"""Several writers, each a thread with its connection, and requests that share a transaction when they wait together.

A commit costs the same for one request as for ten. So a writer takes all that is waiting when it begins, up to a limit,
and small requests wait a moment for company while another transaction is under way, as PostgreSQL's `commit_delay` has
it. A request that comes alone is written at once.
"""

import logging
import threading
from collections import deque
from concurrent.futures import Future

import psycopg
from psycopg import errors

from analytics.exceptions import AnalyticsError
from analytics.ingest import metrics
from analytics.ingest.verdicts import Verdicts
from analytics.ingest.writer import Writer

logger = logging.getLogger(__name__)

WRITERS = 4
# How many spans may share a transaction, unless one request alone has more.
LARGEST_GROUP = 4096
# So many spans are worth a transaction beside another one; fewer wait so long for it to end.
WORTH_A_TRANSACTION = 256
COMPANY_SECONDS = 0.02
Waiting = tuple[Verdicts, "Future[None]"]


class Busy(AnalyticsError):
    """All writers are at work, and have been for longer than the request would wait."""


class Writers:
    """`slot` numbers the process among several that write to the same database."""

    def __init__(self, conninfo: str, slot: int) -> None:
        self._waiting: deque[Waiting] = deque()
        self._waiting_spans = self._under_way = 0
        self._ended = False
        self._changed = threading.Condition()
        # Held by the one writer that looks for work, so that no more than one wakes up for each request.
        self._looking = threading.Lock()
        self._writers = [Writer(conninfo, slot * WRITERS + number) for number in range(WRITERS)]
        self._threads = [
            threading.Thread(target=self._serve, args=(writer,), name=f"writer-{number}", daemon=True)
            for number, writer in enumerate(self._writers)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def write(self, verdicts: Verdicts, *, patience_seconds: float) -> None:
        """Returns when all is committed; what was erased since has moved to `verdicts.rejected` then.

        Raises Busy, and psycopg.Error if the database cannot take it; in both cases nothing of it is stored.
        """
        future: Future[None] = Future()
        with self._changed:
            self._waiting.append((verdicts, future))
            self._waiting_spans += verdicts.received
            self._changed.notify()
        try:
            future.result(patience_seconds)
        except TimeoutError:
            if future.cancel():
                raise Busy("All writers are busy.") from None
            future.result()

    def close(self) -> None:
        """Let go of the database, even if it does not answer; who still waits is told that it is away."""
        for writer in self._writers:
            writer.hang_up()
        with self._changed:
            self._ended = True
            self._changed.notify()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for writer in self._writers:
            writer.close()

    def _serve(self, writer: Writer) -> None:
        while group := self._next_group():
            if begun := [each for each in group if each[1].set_running_or_notify_cancel()]:
                _write(writer, begun)
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def _next_group(self) -> list[Waiting]:
        """What to write next; empty at the end."""
        with self._looking, self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            self._changed.wait_for(self._is_worth_a_transaction, COMPANY_SECONDS)
            group: list[Waiting] = []
            size = 0
            while self._waiting and size < LARGEST_GROUP:
                group.append(self._waiting.popleft())
                size += group[-1][0].received
            self._waiting_spans -= size
            self._under_way += bool(group)
            return group

    def _is_worth_a_transaction(self) -> bool:
        return self._ended or not self._under_way or self._waiting_spans >= WORTH_A_TRANSACTION


def _write(writer: Writer, group: list[Waiting]) -> None:
    try:
        metrics.count(writer.write(*(verdicts for verdicts, _ in group)))
    except Exception as error:  # noqa: BLE001  whatever it is, somebody waits to hear of it
        if len(group) > 1 and not isinstance(error, errors.OperationalError):
            # It is about one of them, then, and no reason to refuse the others.
            for each in group:
                _write(writer, [each])
            return
        _log(error, group)
        for _, future in group:
            future.set_exception(error)
    else:
        for _, future in group:
            future.set_result(None)


def _log(error: Exception, group: list[Waiting]) -> None:
    # The message may quote rows; the class says enough.
    spans = sum(verdicts.received for verdicts, _ in group)
    level = logging.WARNING if isinstance(error, psycopg.Error) else logging.ERROR
    logger.log(level, "Not stored: requests=%d spans=%d error=%s", len(group), spans, type(error).__name__)
