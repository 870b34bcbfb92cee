"""Finding the embedded server, or starting it, from a process that wants to use it."""

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

PATIENCE_SECONDS = 60.0  # making a cluster takes a second or two; recovering a large one may take longer
POLL_SECONDS = 0.02
PING_SECONDS = 3  # libpq takes whole seconds
LOG_LINES_SHOWN = 4

_one_thread_at_a_time = threading.Lock()
_claims: dict[Path, int] = {}  # root -> the descriptor that holds our share of the users' lock
_known: dict[Path, str] = {}  # root -> the URL under which the server last answered


def connection_url(directory: Path, *, fresh: bool = False) -> str:
    """The URL of the server in `directory`, which is started first if need be.

    From now until this process and its forked children end, the server counts them as users and stays.
    With `fresh` the server is asked whether it still answers; without, an answer it once gave is enough.
    Raises EmbeddedPostgresMisconfigured, EmbeddedPostgresUnavailable.
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
    cluster.binaries()  # their absence is worth a message of its own
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
    """Count this process among the users; the kernel strikes it off when it is gone."""
    held = _claims.get(place.root)
    if held is not None:
        if place.users.exists() and os.path.samestat(os.fstat(held), place.users.stat()):
            return
        os.close(held)  # somebody deleted the directory under us
    _claims[place.root] = open_lock(place.users)
    lock(_claims[place.root], shared=True)


def _answering_url(place: Place) -> str | None:
    """The URL, if a server accepts connections there. Not while it starts, stops or recovers."""
    try:
        url = place.url.read_text()
    except FileNotFoundError:
        return None
    conninfo = make_conninfo(url, connect_timeout=PING_SECONDS)
    return url if PGconn.ping(conninfo.encode()) == Ping.OK else None


def _launch(place: Place) -> None:
    """Start the supervisor, which holds the server's lock when this returns."""
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
    """The error, with what the log has said since `log_offset_bytes`, on one line."""
    said = b""
    if place.log.exists():
        with place.log.open("rb") as log:
            if log_offset_bytes <= _log_size(place):  # else it is a new one
                log.seek(log_offset_bytes)
            said = log.read()
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    reason = " | ".join(lines[-LOG_LINES_SHOWN:]) or "nothing in its log"
    return EmbeddedPostgresUnavailable(f"The embedded PostgreSQL in {place.root} {what}: {reason} (see {place.log})")


def _after_fork() -> None:
    # A thread that held it is not there in the child, and would never let go.
    global _one_thread_at_a_time  # noqa: PLW0603
    _one_thread_at_a_time = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
