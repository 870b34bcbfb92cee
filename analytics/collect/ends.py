"""Sends queued spans before a process ends, in whichever way it ends.

| a process ends by | detected by |
| --- | --- |
| its last line, `sys.exit`, Ctrl-C, a WSGI server's order, `max_requests` | `atexit` |
| a server's lifespan (uvicorn ends with the signal it received, without `atexit`) | `analytics.collect.asgi` |
| SIGTERM or SIGHUP, if the host has no handler | a handler, which then ends the process with that signal |
| a signal that arrives just before the main thread blocks | a watcher, which wakes the main thread |
| `os._exit` in a forked worker of `multiprocessing` or `concurrent.futures` | their finalizers |
| `os._exit` in a worker of Celery's pool, also after `--max-tasks-per-child` | its signal `worker_process_shutdown` |
| a worker of uWSGI | not in time: it unloads OpenSSL before `atexit`, so consent cannot be read; a warning says so |
| the host's own `os._exit` | not detected: call `analytics.flush()` before it |

A forked child has nothing of its parent's to send. Ending takes less than five seconds in each case.
"""

import _thread
import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from analytics.collect.greenlets import runs_on_gevent
from analytics.collect.quietly import quietly

logger = logging.getLogger(__name__)
LONGEST_END_SECONDS = 4.5
# Signals whose default action ends a process.
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)

_stops: list[Callable[[], None]] = []
# Pids of finishing processes (a child forked meanwhile is none), and signals received meanwhile.
_finishing: list[int] = []
_came_meanwhile: list[int] = []
# Pid of the watched process, and whether its handler has begun.
_watched: list[int] = []
_begun: list[int] = []
HANDLER_BEGINS_WITHIN_SECONDS = 0.2
# Whether Django runs under ASGI here, and whether the server's lifespan is handled.
under_asgi = False
hears_lifespan = False


def register(stop: Callable[[], None]) -> None:
    """Register a function that ends one part of this process's telemetry, within its time."""
    _stops.append(stop)


def finish() -> None:
    """Send queued spans and end this process's telemetry. A later span starts it again."""
    _finishing.append(os.getpid())
    try:
        for stop in _stops:
            with quietly():
                stop()
    finally:
        _finishing.remove(os.getpid())
        if _came_meanwhile:
            os.kill(os.getpid(), _came_meanwhile.pop())


def listen() -> None:
    """Install the hooks; called when the process has something to send."""
    with quietly():
        _hear_signals()
        _hear_pools()
        if under_asgi and not hears_lifespan and "uvicorn" in sys.modules:
            logger.warning(
                "Usage data that is queued when uvicorn ends will be lost: in asgi.py, wrap the application in "
                "analytics.collect.asgi.with_lifespan"
            )
        if "uwsgi" in sys.modules:
            logger.warning(
                "Usage data that is queued when a worker of uWSGI ends is lost, because consent cannot be read then; "
                "OTEL_BSP_SCHEDULE_DELAY=200 sends it within 200 ms"
            )


def within(seconds: float, work: Callable[[], None]) -> bool:
    """Run `work` in another thread; returns whether it finished without exception within `seconds`.

    Uses `_thread`, because a signal may interrupt this thread while it holds a lock of `threading`.
    """
    done = _thread.allocate_lock()
    done.acquire()
    good: list[bool] = []

    def run() -> None:
        try:
            with quietly():
                work()
                good.append(True)
        finally:
            done.release()

    _thread.start_new_thread(run, ())
    return done.acquire(timeout=max(0.0, seconds)) and bool(good)


def _hear_signals() -> None:
    """Install signal handlers: only from the main thread, and only where the host has none."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in ENDING_SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end_by_signal)
    if os.getpid() not in _watched and any(signal.getsignal(each) is _end_by_signal for each in ENDING_SIGNALS):
        _watch()


def _watch() -> None:
    """Wake the main thread for a signal that arrives just before it blocks.

    Python runs handlers between two steps of the main thread. A signal right before that thread blocks is not handled
    until it goes on, and the process would not end. Pools send SIGTERM to workers that begin to wait for work.
    """
    if runs_on_gevent():
        return  # its loop handles signals, and the watcher would be a greenlet that blocks it
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    if (other := signal.set_wakeup_fd(writing, warn_on_full_buffer=False)) != -1:
        signal.set_wakeup_fd(other)  # an event loop's, which wakes the main thread itself
        os.close(reading)
        os.close(writing)
        return
    _watched.append(os.getpid())
    main = threading.main_thread().ident or 0

    def watch() -> None:
        while number := os.read(reading, 1):
            while number[0] in ENDING_SIGNALS and signal.getsignal(number[0]) is _end_by_signal:
                time.sleep(HANDLER_BEGINS_WITHIN_SECONDS)
                if _begun:
                    return
                signal.pthread_kill(main, number[0])

    _thread.start_new_thread(watch, ())


def _forked() -> None:
    """Reset signals in a forked child, which has nothing to send yet."""
    _came_meanwhile.clear()
    _begun.clear()
    if _watched:
        _watched.clear()
        signal.set_wakeup_fd(-1)
    for number in ENDING_SIGNALS:
        if signal.getsignal(number) is _end_by_signal:
            signal.signal(number, signal.SIG_DFL)


def _end_by_signal(number: int, frame: FrameType | None) -> None:
    _begun.append(number)
    if os.getpid() in _finishing:
        # A second signal, or one to a worker that its pool is ending: the process ends with it shortly.
        _came_meanwhile.append(number)
        return
    # In another thread, because this one may hold any lock; with a time limit.
    within(LONGEST_END_SECONDS, finish)
    if signal.getsignal(number) is not _end_by_signal:
        return  # a handler that the host installed later called this one, and ends the process itself
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _hear_pools() -> None:
    """Register finalizers: a forked worker ends with `os._exit` after them."""
    if (util := sys.modules.get("multiprocessing.util")) is not None:
        util.Finalize(None, finish, exitpriority=0)
    if (celery := sys.modules.get("celery.signals")) is not None:
        celery.worker_process_shutdown.connect(_worker_shut_down, dispatch_uid=__name__)


def _worker_shut_down(**_: object) -> None:
    finish()


atexit.register(finish)
os.register_at_fork(after_in_child=_forked)
