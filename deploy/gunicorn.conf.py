"""gunicorn for the site, wherever it runs: `gunicorn --config deploy/gunicorn.conf.py rhesis_site.wsgi`.

How many workers is gunicorn's own variable WEB_CONCURRENCY (one if it is not set); two for each core is a beginning.

A reload (SIGUSR2; SIGHUP leads to it) is a restart that loses no request. The main process has loaded the code, so
workers that it forks anew would have the old one. A new main process starts beside it on the same socket, with the new
code; when that is loaded, the old one is asked to finish its requests and end. If it cannot be loaded, the old one goes
on.
"""

import os
import signal
import sys

from gunicorn.arbiter import Arbiter
from gunicorn.systemd import sd_notify

# On the machine itself; a container or a proxy elsewhere says `--bind` on the command line.
bind = "127.0.0.1:8000"

# The code is loaded once and shared by the workers that are forked from it. Telemetry is at home with that: its queue,
# its thread and its connection begin with the first request a worker answers, never before the fork.
preload_app = True
worker_class = "gthread"
threads = 4
timeout = 30
# Longer than a proxy keeps its connections (nginx 60 s, Node.js 5 s): of two that let go at the same moment, the
# request of the proxy is lost, and a choice of a person with it. A connection that is kept costs no thread.
keepalive = 75
# A worker asked to end finishes its requests, then sends what telemetry has queued, which takes five seconds at most.
graceful_timeout = 20
# Memory that some library lost is found again now and then; not by all workers at once.
max_requests = 10_000
max_requests_jitter = 2_000

# Lines of requests would have addresses and paths in them. What may be logged, the site logs itself.
accesslog = None
# What gunicorn says of a request that it cannot read quotes the request.
logger_class = "rhesis_site.gunicorn_log.PrivateLogger"
# A door to control it by that nobody uses stays shut.
control_socket_disable = True


def on_reload(server: Arbiter) -> None:
    """SIGHUP alone would fork workers that have the old code."""
    os.kill(os.getpid(), signal.SIGUSR2)


def pre_exec(server: Arbiter) -> None:
    """Start the new main process as the first one was started: `-m gunicorn` is known by its file only, whose directory
    would come before the standard library."""
    if sys.argv[0].endswith("__main__.py"):
        server.START_CTX["args"] = [sys.executable, "-m", "gunicorn", *sys.argv[1:]]


def when_ready(server: Arbiter) -> None:
    """Take over from the main process that started this one: its code is loaded, and the socket is open."""
    if server.master_pid:
        sd_notify(f"MAINPID={os.getpid()}", server.log)
        os.kill(server.master_pid, signal.SIGTERM)
