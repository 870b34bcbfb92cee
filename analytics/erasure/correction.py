"""Recomputes rollups after erasures deleted rows: in the foreground, or in a background thread."""

import logging
from collections.abc import Callable
from datetime import date
from threading import Lock, Thread

from django.db import connections

from analytics.erasure.receipts import forget_whose
from analytics.keep.rollups import (
    Step,
    pass_over_closed_days,
    roll_up_days,
    roll_up_people_of_several_days,
    waiting_days,
)
from analytics.models import TouchedDay
from privacy.outages import cause
from privacy.process import anew_in_children

logger = logging.getLogger(__name__)


def correct_rollups(*, report: Callable[[Step], None]) -> list[date]:
    """Recompute the days from which erasures deleted rows, and return them. Safe at any time.

    Raises django.db.DatabaseError; what is left then, the next call or `keep_telemetry` does.
    """
    corrected: list[date] = []
    pass_over_closed_days()
    while days := _days_of_erasures():
        roll_up_days(days, report=report)
        corrected += days
    # If only rows of closed days were deleted, no day is due, but cohorts are.
    roll_up_people_of_several_days()
    forget_whose()
    return corrected


def _days_of_erasures() -> list[date]:
    erased = set(TouchedDay.objects.filter(user_id__isnull=False).values_list("day", flat=True))
    return [day for day in waiting_days() if day in erased]


class _Background:
    """One thread of this process, which corrects rollups until none is due."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._is_owed = self._is_running = False
        self._thread: Thread | None = None

    def start(self) -> None:
        """Run `correct_rollups` in the thread, without waiting. Repeated calls start no second thread."""
        with self._turn:
            self._is_owed = True
            if not self._is_running:
                self._is_running = True
                self._thread = Thread(target=self._run, name="telemetry-correction", daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Wait until the thread, if there is one, has ended."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        try:
            while self._is_something_owed():
                correct_rollups(report=logger.debug)
        except Exception as error:  # noqa: BLE001  due days remain in the database, and keep_telemetry computes them
            logger.warning(
                "After an erasure, keep_telemetry will correct the reports: %s, %s", type(error).__name__, cause(error)
            )
            with self._turn:
                self._is_running = False
        finally:
            connections.close_all()

    def _is_something_owed(self) -> bool:
        """Return whether to continue. If not, the thread ends, and the next `start` starts another."""
        with self._turn:
            self._is_running, self._is_owed = self._is_owed, False
            return self._is_running


_background = anew_in_children(_Background())
correct_rollups_soon = _background.start
wait = _background.wait
