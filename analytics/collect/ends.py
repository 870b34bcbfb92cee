"""Every way a process may end, so that what is queued is sent before: the one place that knows them.

| a process ends by | and is heard by |
| --- | --- |
| its last line, `sys.exit`, Ctrl-C, a WSGI server's order, an end of `max_requests` | `atexit` |
| a server's lifespan (uvicorn ends by the signal it was sent, which no `atexit` hears) | `analytics.collect.asgi` |
| SIGTERM or SIGHUP, where the host left them at their default | a handler, which ends the process by that signal |
| SIGTERM of a pool, while its worker begins to wait | the handler; a watcher wakes the main thread for it |
| `os._exit` in a forked worker of `multiprocessing` or `concurrent.futures` | their finalizers |
| `os._exit` in a worker of Celery's pool, also after `--max-tasks-per-child` | its signal `worker_process_shutdown` |
| `os._exit` of somebody's own | nobody: `analytics.flush()` goes before it |

A child that was forked has nothing of its parent's to send. Whatever the way, ending takes less than five seconds.
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

from analytics.collect.quietly import quietly

logger = logging.getLogger(__name__)
LONGEST_END_SECONDS = 4.5
# Both end a process that does nothing about them.
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)

_stops: list[Callable[[], None]] = []
# The processes that are at it (a child forked meanwhile is not), and the signals that came meanwhile.
_finishing: list[int] = []
_came_meanwhile: list[int] = []
# The process whose signals a watcher hears, and whether its handler has begun.
_watched: list[int] = []
_begun: list[int] = []
HANDLER_BEGINS_WITHIN_SECONDS = 0.2
# Whether Django runs under ASGI here, and whether its server's lifespan is listened to.
under_asgi = False
hears_lifespan = False


def register(stop: Callable[[], None]) -> None:
    """`stop` ends this process's part, and returns in time."""
    _stops.append(stop)


def finish() -> None:
    """Send what is queued and end this process's telemetry. What is recorded later begins it again."""
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
    """From now on there is something to send before this process ends."""
    with quietly():
        _hear_signals()
        _hear_pools()
        if under_asgi and not hears_lifespan and "uvicorn" in sys.modules:
            logger.warning(
                "Usage data that is queued when uvicorn ends will be lost: in asgi.py, wrap the application in "
                "analytics.collect.asgi.with_lifespan"
            )


def within(seconds: float, work: Callable[[], None]) -> bool:
    """Do `work` in another thread. Whether it was done, without an exception, within `seconds`.

    `_thread` and not `threading`: a signal may have come while this thread held a lock of that module.
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
    """Only the main thread may, and only where the host has no handler, nor installs one later."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in ENDING_SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end_by_signal)
    _watch_over_a_worker()


def _watch_over_a_worker() -> None:
    """Wake the main thread of a `multiprocessing` worker for a signal that it would sleep through.

    A pool sends SIGTERM to its workers just when they begin to wait for work. Python runs a handler between two steps
    of the main thread. A signal that comes right before that thread blocks stays unheard, and the pool hangs.
    """
    module = sys.modules.get("multiprocessing.process")
    if module is None or module.parent_process() is None or os.getpid() in _watched:
        return
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
    """A child has nothing to send yet: its signals are its own again, and so is what wakes it."""
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
        # Sent twice, or to a worker whose pool has just told it to end: it ends by this signal, shortly.
        _came_meanwhile.append(number)
        return
    # Elsewhere, because this thread may hold any lock; it waits, but not for ever.
    within(LONGEST_END_SECONDS, finish)
    if signal.getsignal(number) is not _end_by_signal:
        return  # a handler that the host installed later called this one, and ends the process itself
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _hear_pools() -> None:
    """A forked worker ends by `os._exit`, after the finalizers that were registered in it."""
    if (util := sys.modules.get("multiprocessing.util")) is not None:
        util.Finalize(None, finish, exitpriority=0)
    if (celery := sys.modules.get("celery.signals")) is not None:
        celery.worker_process_shutdown.connect(_worker_shut_down, dispatch_uid=__name__)


def _worker_shut_down(**_: object) -> None:
    finish()


atexit.register(finish)
os.register_at_fork(after_in_child=_forked)
