"""Cosmic Ray's command line, but each mutant's tests run in a fork of a process that is ready to run them.

Run as a script in a worker's tree, with Cosmic Ray's own arguments. With `unchanged` and pytest's arguments it runs
the tests as for a mutant, but without any change, and ends with 1 where they fail.

Most mutants change the body of a function. Of these, the tests run first in a fork of a process that has collected
them: the changed body is put into the functions that are there. What no test notices there, and what changes more than
a function, is tried in a fork that has imported nothing of the tree, and imports the mutant. So a mutant is missed
only if its tests pass in a process of its own; a new process would import Django, gRPC and pytest for each mutant.
"""

import contextlib
import gc
import importlib
import inspect
import multiprocessing
import os
import resource
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from cosmic_ray import mutating
from cosmic_ray.cli import main
from cosmic_ray.config import load_config
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
)
FORK = multiprocessing.get_context("fork")
CPU_EXTRA_SECONDS = 8
Body = tuple[str, int]  # a function's name and first line


class Runner:
    """Has `run_tests` of Cosmic Ray, for mutants of one module; None for no module at all."""

    def __init__(self, module: str | None, arguments: list[str]) -> None:
        for name in PRELOADED:
            importlib.import_module(name)
        self._arguments = arguments
        self._has_clean_database = True
        self._collected: Connection | None = None
        self._cpu_limit_s = resource.RLIM_INFINITY
        if module is not None:
            self._collected, theirs = FORK.Pipe()
            FORK.Process(target=_collect, args=(module, arguments, self._collected, theirs)).start()
            theirs.close()
            self._cpu_limit_s = self._collected.recv()

    def _limit(self) -> int | None:
        """Of the processor's seconds; None where a database has to be made first."""
        return self._cpu_limit_s if self._has_clean_database else None

    def close(self) -> None:
        if self._collected is not None:
            self._collected.close()

    def run_tests(self, _command: str, timeout_s: float | None) -> tuple[TestOutcome, str]:
        """Whether the tests notice, and their output. Tests that take longer than `timeout_s` count as noticing."""
        if self._collected is not None:
            self._collected.send((timeout_s, self._has_clean_database))
            noticed, self._has_clean_database = self._collected.recv()
            if noticed:
                return TestOutcome.KILLED, noticed
        with tempfile.TemporaryFile() as output:
            tests = FORK.Process(target=_pytest, args=(self._arguments, self._limit(), output.fileno()))
            tests.start()
            self._has_clean_database = _ended(tests, timeout_s)
            output.seek(0)
            printed = output.read().decode(errors="replace")
        return TestOutcome.KILLED if tests.exitcode else TestOutcome.SURVIVED, printed


def _ended(tests: BaseProcess, timeout_s: float | None) -> bool:
    """Whether they ended in time. If not, they and what they started are ended now."""
    tests.join(timeout_s)
    in_time = tests.exitcode is not None
    if not in_time and tests.pid:
        os.killpg(tests.pid, signal.SIGKILL)
        tests.join()
    return in_time


def _prepare(output: int) -> None:
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.dont_write_bytecode = True  # a mutant's would be found by the next one, where both are of one second
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["TELEMETRY_TEST_PROFILE"] = "short"


def _without_migrations(cpu_limit_s: int) -> None:
    """No mutant is of one; to find out that none is missing takes longer than many a module's tests."""
    importlib.import_module("django.core.management.commands.migrate").Command.handle = lambda *_, **__: None
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit_s, resource.RLIM_INFINITY))


def _pytest(arguments: list[str], cpu_limit_s: int | None, output: int) -> None:
    _prepare(output)
    if cpu_limit_s is None:
        arguments = [*arguments, "--create-db"]
    else:
        _without_migrations(cpu_limit_s)
    sys.exit(pytest.main(arguments))


def _collect(module: str, arguments: list[str], not_ours: Connection, asked: Connection) -> None:
    not_ours.close()
    _prepare(os.open(os.devnull, os.O_WRONLY))
    pytest.main(["--capture=no", *arguments], plugins=[_Collected(Path(module), asked)])


class _Collected:
    """Instead of running the collected tests: for each mutant of `module`, a fork that runs them.

    A fork may take four times the processor's time that one takes without any change, and some seconds: a mutant that
    loops for ever is noticed by that long before it is by the clock, and no test fails of a busy machine.
    """

    def __init__(self, module: Path, asked: Connection) -> None:
        self._path = str(module.absolute())
        self._asked = asked
        self._unchanged = self._compiled()
        self._cpu_limit_s = resource.RLIM_INFINITY

    def _compiled(self) -> CodeType:
        return compile(Path(self._path).read_bytes(), self._path, "exec", dont_inherit=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        failed, cpu_s, _ = self._tried(session, {}, None, has_clean_database=True)
        works = not failed and cpu_s > 0
        if works:
            self._cpu_limit_s = int(4 * cpu_s + CPU_EXTRA_SECONDS)
        self._asked.send(self._cpu_limit_s)
        with contextlib.suppress(EOFError):
            while True:
                timeout_s, has_clean_database = self._asked.recv()
                bodies = None
                with contextlib.suppress(SyntaxError):
                    bodies = _changed_bodies(self._unchanged, self._compiled())
                if not bodies or not works:
                    self._asked.send(("", has_clean_database))
                    continue
                failed, _, in_time = self._tried(session, bodies, timeout_s, has_clean_database=has_clean_database)
                # Whichever test noticed this mutant may well notice the next one.
                session.items.sort(key=lambda item: item.nodeid != failed)
                self._asked.send((failed if in_time else "the tests took too long", in_time))
        return True

    def _tried(
        self,
        session: pytest.Session,
        bodies: dict[Body, CodeType],
        timeout_s: float | None,
        *,
        has_clean_database: bool,
    ) -> tuple[str, float, bool]:
        """The test that failed, if any; the processor's seconds, 0 if they did not come to an end; whether in time."""
        theirs, ours = FORK.Pipe(duplex=False)
        tests = FORK.Process(target=self._run, args=(session, bodies, has_clean_database, ours))
        tests.start()
        ours.close()
        in_time = _ended(tests, timeout_s)
        with theirs, contextlib.suppress(EOFError):
            return (*theirs.recv(), in_time)
        return "", 0.0, in_time and tests.exitcode != -signal.SIGXCPU

    def _run(
        self, session: pytest.Session, bodies: dict[Body, CodeType], has_clean_database: bool, outcome: Connection
    ) -> None:
        os.setsid()
        if has_clean_database:
            _without_migrations(self._cpu_limit_s)
        else:  # which takes its time
            session.config.option.create_db = True
        for function in [each for each in gc.get_objects() if isinstance(each, FunctionType)]:
            code = function.__code__
            if code.co_filename == self._path and (body := bodies.get((code.co_qualname, code.co_firstlineno))):
                function.__code__ = body
        failed = ""
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                failed = item.nodeid
                session._setupstate.teardown_exact(None)
                break
        outcome.send((failed, time.process_time()))


def _changed_bodies(unchanged: CodeType, changed: CodeType) -> dict[Body, CodeType] | None:
    """The bodies of functions that differ; None if it is more than that, or they cannot be told from others."""
    if _at_import(unchanged) != _at_import(changed):
        return None
    found: dict[Body, CodeType] = {}
    seen = Counter[Body]()
    for before, after in zip(_codes(unchanged), _codes(changed), strict=True):
        seen[key := (before.co_qualname, before.co_firstlineno)] += 1
        if not before.co_flags & inspect.CO_OPTIMIZED:  # a class
            bodies = _changed_bodies(before, after)
            if bodies is None:
                return None
            found |= bodies
        elif before != after:
            found[key] = after
    return None if any(seen[key] > 1 for key in found) else found


def _codes(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _at_import(code: CodeType) -> tuple[object, ...]:
    """What of a module or class is run when it is imported, but for the bodies of its functions."""
    constants = [
        (each.co_qualname, each.co_flags) if isinstance(each, CodeType) else (type(each), each)
        for each in code.co_consts
    ]
    return code.co_code, constants, code.co_names


if __name__ == "__main__":
    sys.path[0] = ""
    if sys.argv[1] == "unchanged":
        outcome, printed = Runner(None, sys.argv[2:]).run_tests("", None)
        print(printed)
        sys.exit(outcome is not TestOutcome.SURVIVED)
    with contextlib.ExitStack() as stack:
        if sys.argv[1] == "exec":
            configuration = load_config(sys.argv[2])
            runner = Runner(configuration["module-path"], shlex.split(configuration["test-command"]))
            stack.callback(runner.close)
            mutating.run_tests = runner.run_tests
        main()
