"""Finds or starts the embedded server for a process that needs it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from . import cluster
from .exceptions import EmbeddedPostgresMisconfigured, EmbeddedPostgresUnavailable
from .place import Place, exclusively, is_free, lock, open_lock

PATIENCE_SECONDS = 60.0  # creating a cluster takes a second or two; recovering a large one takes longer
POLL_SECONDS = 0.02
PING_SECONDS = 3  # libpq takes whole seconds
LOG_LINES_SHOWN = 4

_one_thread_at_a_time = threading.Lock()
_claims: dict[Path, int] = {}  # root -> descriptor of our shared users' lock
_known: dict[Path, str] = {}  # root -> last URL at which the server answered


def connection_url(directory: Path, *, fresh: bool = False) -> str:
    """URL of the server in `directory`, which is started if necessary.

    The server runs at least until this process and its forked children end. With `fresh`, check that the server still
    answers; otherwise an earlier answer is enough. Raises EmbeddedPostgresMisconfigured, EmbeddedPostgresUnavailable.
    """
    root = directory.absolute()
    if not fresh and root in _known:
        return _known[root]
    with _one_thread_at_a_time:
        try:
            _known[root] = _find_or_start(Place(root))
        except cluster.ClusterUnusable as error:
            raise EmbeddedPostgresMisconfigured(f"No embedded PostgreSQL: {error}.") from error
        except OSError as error:
            raise EmbeddedPostgresUnavailable(f"The embedded PostgreSQL cannot use {root}: {error}.") from error
        return _known[root]


def _find_or_start(place: Place) -> str:
    cluster.binaries()  # raises a clear error if they are missing
    place.make()
    with exclusively(place.starting):
        _claim(place)
        deadline = time.monotonic() + PATIENCE_SECONDS
        log_size = _log_size(place)
        launched = False
        while not (url := _answering_url(place)):
            if is_free(place.server):
                if launched:
                    raise _unavailable(place, "did not start", log_size)
                _launch(place)
                launched = True
            elif time.monotonic() > deadline:
                raise _unavailable(place, f"did not answer within {PATIENCE_SECONDS:.0f} s", log_size)
            time.sleep(POLL_SECONDS)
        return url


def _claim(place: Place) -> None:
    """Register this process as a user; the kernel removes it when it ends."""
    held = _claims.get(place.root)
    if held is not None:
        if place.users.exists() and os.path.samestat(os.fstat(held), place.users.stat()):
            return
        os.close(held)  # the directory was deleted
    _claims[place.root] = open_lock(place.users)
    lock(_claims[place.root], shared=True)


def _answering_url(place: Place) -> str | None:
    """The URL if a server accepts connections there; None while it starts, stops or recovers."""
    try:
        url = place.url.read_text()
    except FileNotFoundError:
        return None
    conninfo = make_conninfo(url, connect_timeout=PING_SECONDS)
    return url if PGconn.ping(conninfo.encode()) == Ping.OK else None


def _launch(place: Place) -> None:
    """Start the supervisor. It holds the server's lock when this returns."""
    log = place.open_log()
    try:
        outcome = subprocess.run(
            [sys.executable, "-m", f"{__package__}.supervisor", str(place.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
            cwd=Path(__file__).parents[1],
        )
    finally:
        os.close(log)
    if outcome.returncode != 0:
        raise _unavailable(place, f"has no supervisor (exit code {outcome.returncode})")


def _log_size(place: Place) -> int:
    return place.log.stat().st_size if place.log.exists() else 0


def _unavailable(place: Place, what: str, log_offset_bytes: int = 0) -> EmbeddedPostgresUnavailable:
    """The error, with the log's lines since `log_offset_bytes`, on one line."""
    content = b""
    if place.log.exists():
        with place.log.open("rb") as log:
            if log_offset_bytes <= _log_size(place):  # otherwise it is a new log
                log.seek(log_offset_bytes)
            content = log.read()
    lines = [line.strip() for line in content.decode(errors="replace").splitlines() if line.strip()]
    reason = " | ".join(lines[-LOG_LINES_SHOWN:]) or "nothing in its log"
    return EmbeddedPostgresUnavailable(f"The embedded PostgreSQL in {place.root} {what}: {reason} (see {place.log})")


def _after_fork() -> None:
    # A thread that held the lock does not exist in the child and would never release it.
    global _one_thread_at_a_time  # noqa: PLW0603
    _one_thread_at_a_time = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
