"""Cosmic Ray's command line, but each mutant's tests run in a fork of one process that has imported the libraries.

Run as a script in a worker's tree, with Cosmic Ray's own arguments. With `unchanged` and pytest's arguments it runs
the tests as for a mutant, but without any change, and ends with 1 where they fail.

A new process would import Django, gRPC and pytest anew for every mutant, which takes longer than most modules' tests.
No module of the tree is imported before a fork.
"""

import functools
import gc
import importlib
import multiprocessing
import os
import shlex
import signal
import sys
import tempfile

from cosmic_ray import mutating
from cosmic_ray.cli import main
from cosmic_ray.work_item import TestOutcome

# None of these reads Django's settings when it is imported: those would import modules of the tree.
PRELOADED = (
    "django.contrib.admin",
    "django.core.management.commands.migrate",
    "django.test",
    "grpc",
    "hypothesis",
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "psycopg",
    "pytest",
)
FORK = multiprocessing.get_context("fork")

_last_was_killed = False


def run_tests(command: str, timeout_s: float | None) -> tuple[TestOutcome, str]:
    """Cosmic Ray's function of this name: whether the tests of `command` (pytest's arguments) notice, and their output.

    A run that takes longer than `timeout_s` is killed, and counts as noticed; the next one makes its database anew.
    """
    global _last_was_killed  # noqa: PLW0603
    _preload()
    arguments = [*shlex.split(command), *(["--create-db"] if _last_was_killed else [])]
    with tempfile.TemporaryFile() as output:
        tests = FORK.Process(target=_pytest, args=(arguments, output.fileno()))
        tests.start()
        tests.join(timeout_s)
        _last_was_killed = tests.exitcode is None and "--reuse-db" in arguments
        if tests.exitcode is None and tests.pid:
            os.killpg(tests.pid, signal.SIGKILL)
            tests.join()
        output.seek(0)
        return (
            TestOutcome.KILLED if tests.exitcode else TestOutcome.SURVIVED,
            output.read().decode(errors="replace"),
        )


@functools.cache
def _preload() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()


def _pytest(arguments: list[str], output: int) -> None:
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.dont_write_bytecode = True  # a mutant's would be found by the next one, where both are of one second
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["TELEMETRY_TEST_PROFILE"] = "short"
    if "--create-db" not in arguments:
        # No mutant is of a migration; to find out that none is missing takes longer than many a module's tests.
        importlib.import_module("django.core.management.commands.migrate").Command.handle = lambda *_, **__: None
    sys.exit(importlib.import_module("pytest").main(arguments))


if __name__ == "__main__":
    sys.path[0] = ""
    if sys.argv[1] == "unchanged":
        outcome, printed = run_tests(shlex.join(sys.argv[2:]), None)
        print(printed)
        sys.exit(outcome is not TestOutcome.SURVIVED)
    mutating.run_tests = run_tests
    main()
