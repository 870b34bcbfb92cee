"""Recompute the rollups of days that erasures took rows from: at once by the caller, or soon in the background."""

import logging
from collections.abc import Callable
from datetime import date
from threading import Lock, Thread

from django.db import connections

from analytics.keep.rollups import (
    Step,
    pass_over_closed_days,
    roll_up_days,
    roll_up_people_of_several_days,
    waiting_days,
)
from analytics.models import TouchedDay
from privacy.outages import cause

logger = logging.getLogger(__name__)
# Of this process: whether something is owed, whether a thread is at it, and the lock of both.
_turn = Lock()
_is_owed = _is_running = False
_thread: Thread | None = None


def correct_rollups(*, say: Callable[[Step], None]) -> list[date]:
    """Compute the days again that erasures have taken rows from; which ones. Safe beside everything else.

    Raises django.db.DatabaseError; what is left then, the next call or `keep_telemetry` does.
    """
    corrected: list[date] = []
    pass_over_closed_days()
    while days := _days_of_erasures():
        roll_up_days(days, say=say)
        corrected += days
    # Where rows of closed days alone were theirs, no day is owed, but cohorts are.
    roll_up_people_of_several_days()
    return corrected


def _days_of_erasures() -> list[date]:
    erased = set(TouchedDay.objects.filter(user_id__isnull=False).values_list("day", flat=True))
    return [day for day in waiting_days() if day in erased]


def correct_rollups_soon() -> None:
    """Do that in a thread besides: whoever asked need not wait. However often it is called, there is one thread."""
    global _is_owed, _is_running, _thread  # noqa: PLW0603  one process, one thread
    with _turn:
        _is_owed = True
        if not _is_running:
            _is_running = True
            _thread = Thread(target=_correct_until_nothing_is_owed, name="telemetry-correction", daemon=True)
            _thread.start()


def wait() -> None:
    """Until the thread, if there is one, has come to its end."""
    thread = _thread
    if thread is not None:
        thread.join()


def _correct_until_nothing_is_owed() -> None:
    try:
        while _take_turn():
            correct_rollups(say=logger.debug)
    except Exception as error:  # noqa: BLE001  the marks are in the database, and keep_telemetry goes by them
        logger.warning(
            "After an erasure, keep_telemetry will correct the reports: %s, %s", type(error).__name__, cause(error)
        )
        _rest()
    finally:
        connections.close_all()


def _take_turn() -> bool:
    """Whether there is something to do; if not, the next call of `correct_rollups_soon` starts another thread."""
    global _is_owed, _is_running
    with _turn:
        _is_running, _is_owed = _is_owed, False
        return _is_running


def _rest() -> None:
    global _is_running  # noqa: PLW0603
    with _turn:
        _is_running = False
