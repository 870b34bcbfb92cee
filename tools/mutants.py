"""Mutation tests: change the code in one place, run its tests, and report the changes that no test noticed.

Cosmic Ray makes the changes. `tests/mutants.toml` names the modules, the tests of each and the equivalent mutants. Each
worker has a copy of the checkout under `.local/mutants/`, so that the checkout itself never holds a mutant.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import sqlite3
import subprocess
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .checkout import LOCAL, PYTHON, ROOT, SetupFailed, last_words, say

DECLARATION = ROOT / "tests" / "mutants.toml"
FOLDER = LOCAL / "mutants"
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".local", "node_modules", "staticfiles", "__pycache__", ".*_cache", ".hypothesis"
)
# While somebody uses the embedded database, it need not be started for every mutant. Ends with the pipe to its parent.
USES_THE_DATABASE = (
    "import os, sys, django; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'tests.settings'); django.setup(); "
    "from django.db import connection as c; c.connect(); c.close(); sys.stdin.read()"
)
# One database for all mutants of a module, made by the run without any change.
REUSED_DATABASE, NEW_DATABASE = ["--reuse-db"], ["--create-db"]
UNUSED_PLUGINS = ["-p", "no:schemathesis", "-p", "no:anyio", "-p", "no:unraisableexception"]
COSMIC_RAY = str(Path(__file__).with_name("forked_tests.py"))
FILTER = "from cosmic_ray.tools.filters.operators_filter import main; main()"
# One or two changes for each operator of the language; Cosmic Ray would try every operator in place of every other.
# `|` stays: it is nearly always part of a type.
KEPT_OPERATORS = (
    "NumberReplacer|AddNot|ZeroIterationForLoop|ExceptionReplacer|RemoveDecorator|ReplaceUnaryOperator_Delete_Not"
    "|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd"
    "|ReplaceContinueWithBreak|ReplaceBreakWithContinue"
    "|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Mul|Pow_Mul|LShift_RShift|RShift_LShift"
    "|BitAnd_BitOr|BitXor_BitOr)"
    "|ReplaceComparisonOperator_(Is_IsNot|IsNot_Is|Eq_NotEq|NotEq_Eq|Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Lt_GtE|LtE_Gt|Gt_LtE|GtE_Lt)"
)
SECONDS_PER_PROGRESS_LINE = 60.0
# A mutant may loop for ever. Its tests get this many times what they need without a change, and some seconds.
TIMEOUT_FACTOR, TIMEOUT_EXTRA_SECONDS = 5, 30.0


class UnknownModule(Exception):
    """`tests/mutants.toml` names no module at this path; the message lists those it names."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where it was made, by which operator, the line it was made in, and whether a test failed."""

    module: str
    operator: str
    row: int
    line: str
    caught: bool
    change: str = ""


@dataclass
class Outcome:
    """All mutants that were tried. `equivalent` maps (module, operator, line) to the reason nothing can catch it."""

    equivalent: dict[tuple[str, str, str], str]
    mutants: list[Mutant] = field(default_factory=list)

    def is_equivalent(self, mutant: Mutant) -> bool:
        return (mutant.module, mutant.operator, mutant.line) in self.equivalent

    @property
    def missed(self) -> list[Mutant]:
        """Mutants that no test noticed though one could."""
        return [each for each in self.mutants if not each.caught and not self.is_equivalent(each)]

    def percent_caught(self, module: str | None = None) -> float:
        """The share of mutants that a test noticed, equivalent ones left out; 100 where there are none."""
        counted = [
            each
            for each in self.mutants
            if module in {None, each.module} and (each.caught or not self.is_equivalent(each))
        ]
        return 100 * sum(each.caught for each in counted) / len(counted) if counted else 100.0


@dataclass(frozen=True, slots=True)
class Declaration:
    """The content of `tests/mutants.toml`."""

    modules: dict[str, list[str]]
    equivalent: dict[tuple[str, str, str], str]
    wanted_percent: float

    def below(self, path: str | None) -> dict[str, list[str]]:
        """The modules at or below `path` of the checkout, all for None. Raises UnknownModule if there are none."""
        if path is None:
            return self.modules
        wanted = Path(path.rstrip("/"))
        found = {
            module: tests for module, tests in self.modules.items() if wanted in {Path(module), *Path(module).parents}
        }
        if not found:
            raise UnknownModule(f"no module {path!r}; there are: {', '.join(self.modules)}")
        return found


def declaration() -> Declaration:
    content = tomllib.loads(DECLARATION.read_text())
    return Declaration(
        modules=content["modules"],
        equivalent={
            (each["module"], each["operator"], each["line"]): each["why"] for each in content.get("equivalent", [])
        },
        wanted_percent=content["wanted_percent"],
    )


def run(modules: dict[str, list[str]], declared: Declaration, workers: int | None = None) -> bool:
    """Try every mutant of `modules`, `workers` at a time (default: one for each processor), and print what was missed.

    Returns whether enough were caught. Raises SetupFailed if a module's tests fail without any change.
    """
    waiting: queue.Queue[tuple[str, list[str]]] = queue.Queue()
    for module in modules.items():
        waiting.put(module)
    outcome = Outcome(declared.equivalent)
    number = min(workers or os.cpu_count() or 1, len(modules))
    crew = [_Worker(FOLDER / str(index), waiting, outcome) for index in range(number)]
    say(f"{len(modules)} modules, {number} at a time; each line is one that is done")
    for worker in crew:
        worker.start()
    while any(worker.is_alive() for worker in crew):
        for worker in crew:
            worker.join(SECONDS_PER_PROGRESS_LINE / number)
        for worker in crew:
            if worker.is_alive() and worker.progress:
                say(f"  {worker.progress}")
    if failed := next((worker.failure for worker in crew if worker.failure), None):
        raise failed
    return report(outcome, declared.wanted_percent)


def report(outcome: Outcome, wanted_percent: float) -> bool:
    """Print the missed mutants and the percentages; returns whether enough were caught."""
    for mutant in sorted(outcome.missed, key=lambda each: (each.module, each.row)):
        say(f"\nmissed: {mutant.module}:{mutant.row}  {mutant.operator}\n    {mutant.line}\n{mutant.change}")
    for module in sorted({each.module for each in outcome.mutants}):
        say(f"{outcome.percent_caught(module):6.1f} %  {module}")
    tried = len(outcome.mutants)
    equivalent = sum(outcome.is_equivalent(each) and not each.caught for each in outcome.mutants)
    percent = outcome.percent_caught()
    say(
        f"{percent:6.1f} %  of {tried} mutants caught, {len(outcome.missed)} missed, "
        f"{equivalent} equivalent; wanted: {wanted_percent} %"
    )
    return percent >= wanted_percent


class _Worker(threading.Thread):
    """Takes modules from the queue and tries their mutants in its own copy of the checkout."""

    def __init__(self, tree: Path, waiting: queue.Queue[tuple[str, list[str]]], outcome: Outcome) -> None:
        super().__init__(daemon=True)
        self._tree, self._waiting, self._outcome = tree, waiting, outcome
        self._session = ""
        self._module = ""
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            shutil.rmtree(self._tree, ignore_errors=True)
            shutil.copytree(ROOT, self._tree, ignore=NOT_COPIED)
            with self._database():
                while not self._waiting.empty():
                    with contextlib.suppress(queue.Empty):
                        self._try(*self._waiting.get_nowait())
        except Exception as error:  # noqa: BLE001  raised again in the thread that started this one
            self.failure = error
            with contextlib.suppress(queue.Empty):  # nobody goes on after a failure
                while True:
                    self._waiting.get_nowait()

    @property
    def _has_database(self) -> bool:
        return (self._tree / "manage.py").exists()

    @contextlib.contextmanager
    def _database(self) -> Iterator[None]:
        """The tree's embedded database runs meanwhile, if it has one."""
        if not self._has_database:
            yield
            return
        command = [str(PYTHON), "-c", USES_THE_DATABASE]
        with subprocess.Popen(command, cwd=self._tree, stdin=subprocess.PIPE) as user:
            yield
            if user.stdin:
                user.stdin.close()

    def _try(self, module: str, tests: list[str]) -> None:
        reused, new = (REUSED_DATABASE, NEW_DATABASE) if self._has_database else ([], [])
        command = ["-x", "-q", "--failed-first", *UNUSED_PLUGINS, *reused, *tests]
        began = time.monotonic()
        self._python("-m", "pytest", *command, *new, what=f"the tests of {module}, without any change")
        timeout_s = TIMEOUT_FACTOR * (time.monotonic() - began) + TIMEOUT_EXTRA_SECONDS
        self._module, self._session = module, module.replace("/", "-") + ".sqlite"
        configuration = self._tree / "cosmic-ray.toml"
        configuration.write_text(
            "[cosmic-ray]\n"
            f"module-path = {json.dumps(module)}\n"
            f"timeout = {timeout_s:.1f}\n"
            "excluded-modules = []\n"
            f"test-command = {json.dumps(' '.join(command))}\n"
            "[cosmic-ray.distributor]\n"
            'name = "local"\n'
            "[cosmic-ray.filters.operators-filter]\n"
            f"exclude-operators = [{json.dumps(f'core/(?!({KEPT_OPERATORS})$)')}]\n"
        )
        arguments = (configuration.name, self._session)
        self._python(COSMIC_RAY, "init", *arguments, what="cosmic-ray init")
        self._python("-c", FILTER, self._session, configuration.name, what="cosmic-ray's filter")
        self._python(COSMIC_RAY, "exec", *arguments, what="cosmic-ray exec")
        self._python(COSMIC_RAY, "unchanged", *command, what=f"the tests of {module}, unchanged, after its mutants")
        dump = self._python(COSMIC_RAY, "dump", self._session, what="cosmic-ray dump")
        tried = list(_mutants(dump, (self._tree / module).read_text().splitlines()))
        self._outcome.mutants += tried
        self._module = ""
        say(f"{self._outcome.percent_caught(module):6.1f} %  of {len(tried):3}  {module}")

    @property
    def progress(self) -> str:
        """How far the present module is; empty between two of them."""
        session = self._tree / self._session
        if not self._module or not session.exists():
            return ""
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(session)) as database:
            (skipped,) = database.execute(
                "SELECT count(*) FROM work_results WHERE worker_outcome = 'SKIPPED'"
            ).fetchone()
            (done,) = database.execute("SELECT count(*) FROM work_results").fetchone()
            (total,) = database.execute("SELECT count(*) FROM work_items").fetchone()
            return f"{self._module}: {done - skipped} of {total - skipped}"
        return ""

    def _python(self, *arguments: str, what: str) -> str:
        """Run the project's Python in this worker's tree; returns its output. Raises SetupFailed."""
        done = subprocess.run(
            [str(PYTHON), *arguments],
            cwd=self._tree,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SetupFailed(f"{what} failed: {last_words(done.stdout)}")
        return done.stdout


def _mutants(dump: str, lines: list[str]) -> Iterator[Mutant]:
    """The mutants of a session, from `cosmic-ray dump`: a JSON pair of work item and result on each line."""
    for text in dump.splitlines():
        item, result = json.loads(text)
        if result is None or result["worker_outcome"] == "skipped":
            continue
        if result["worker_outcome"] == "exception":
            if "cosmic_ray/operators" in result["output"]:
                continue  # the operator fails at this line: there is no such mutant
            raise SetupFailed(f"a mutant could not be tried: {last_words(result['output'])}")
        mutation = item["mutations"][0]
        row, column = mutation["start_pos"]
        if lines[row - 1][column:].startswith("*,") or lines[row - 1].startswith("@dataclass("):
            continue  # keyword-only parameters, which Cosmic Ray takes for a product; frozen, which mypy sees to
        yield Mutant(
            module=mutation["module_path"],
            operator=mutation["operator_name"],
            row=row,
            line=without_comment(lines[row - 1]),
            caught=result["test_outcome"] != "survived",
            change=_changed_lines(result["diff"] or ""),
        )


def without_comment(line: str) -> str:
    """The code of a line, as `tests/mutants.toml` names it: two spaces and a # begin a comment."""
    return line.strip().partition("  # ")[0]


def _changed_lines(diff: str) -> str:
    """The added lines of a unified diff, indented."""
    return "\n".join(f"  {line}" for line in diff.splitlines() if line[:1] == "+" and line[:3] != "+++")
