"""Parent process of the server, which stops it when no process uses it any more.

`python -m embedded_postgres.supervisor DIRECTORY` starts the server in the background and returns at once; the caller
waits for it to answer. The background process waits until no process holds the users' lock, then stops the server and
ends. If it is killed, the kernel signals the server, and the next connection starts both again.

It runs in its own session, so that Ctrl-C in the terminal does not reach it. It imports neither Django nor psycopg, and
writes only to the server's log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from . import cluster, privileges
from .place import Place, lock, lock_if_free, open_lock, unlock

LARGEST_LOG_BYTES = 10_000_000
PATIENCE_SECONDS = 30.0  # for a clean stop; the next start recovers from an unclean one


def main(arguments: list[str]) -> int:
    place = Place(Path(arguments[0]).resolve())
    server_lock = open_lock(place.server)
    if not lock_if_free(server_lock):
        sys.stderr.write("an embedded server is already running\n")
        return 1
    if os.fork():
        return 0
    os.setsid()
    _redirect_output_to_log(place)
    try:
        return supervise(place, server_lock)
    except (cluster.ClusterUnusable, privileges.CannotDropPrivileges, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def supervise(place: Place, server_lock: int) -> int:
    """Start the server and wait for its end; returns its exit code."""
    users, starting = open_lock(place.users), open_lock(place.starting)
    programs = cluster.binaries()
    prefix = privileges.command_prefix(privileges.owner(place.data), place.root, programs / "initdb")
    cluster.make_if_missing(place, prefix)
    # We hold the server's lock, so the server that wrote this file has ended, even if its pid is in use again.
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    socket_directory = cluster.make_socket_directory(place)
    server = subprocess.Popen(
        [*privileges.dying_with_parent(prefix), *cluster.server_command(place, socket_directory)],
        stdin=subprocess.DEVNULL,
        env=cluster.ENVIRONMENT,
        cwd="/",
        pass_fds=(server_lock,),
    )

    def on_terminate(_signal: int, _frame: FrameType | None) -> None:
        server.send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, on_terminate)
    place.write_private(place.url, cluster.url(place, socket_directory))
    threading.Thread(target=_stop_when_unused, args=(users, starting, server), daemon=True).start()
    status = server.wait()
    place.url.unlink(missing_ok=True)
    cluster.remove_socket_directory(place)
    return status


def _stop_when_unused(users: int, starting: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until no process holds the lock `users`, then stop the server.

    This process holds `starting` until it ends. A new user waits for that lock meanwhile, then starts a new server.
    """
    while True:
        lock(users)
        # Release before waiting for `starting`, whose holder may be waiting for `users`.
        unlock(users)
        lock(starting)
        if lock_if_free(users):
            break
        unlock(starting)
    server.send_signal(signal.SIGINT)
    time.sleep(PATIENCE_SECONDS)
    server.send_signal(signal.SIGQUIT)


def _redirect_output_to_log(place: Place) -> None:
    if place.log.exists() and place.log.stat().st_size > LARGEST_LOG_BYTES:
        place.log.replace(place.log.with_suffix(".log.old"))
    log = place.open_log()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
