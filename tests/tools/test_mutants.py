"""`dev.py mutate`: what it declares, what it counts, and one real run over a small project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import mutants
from tools.mutants import Declaration, Mutant, Outcome

ROOT = Path(__file__).parents[2]
LIMIT = """from dataclasses import dataclass

LIMIT = 3


@dataclass(frozen=True)
class Named:
    name: str


def is_allowed(number: int) -> bool:
    return number < LIMIT


def is_named(*, name: str) -> bool:
    return name is not None
"""
TEST = """from limit import is_allowed


def test_below_the_limit() -> None:
    assert is_allowed(2)


def test_at_the_limit() -> None:
    assert not is_allowed(3)
"""


def missed(line: str = "a < b") -> Mutant:
    return Mutant("m.py", "core/ReplaceComparisonOperator_Lt_LtE", 1, line, caught=False)


def caught() -> Mutant:
    return Mutant("m.py", "core/AddNot", 2, "if a:", caught=True)


def test_every_declared_module_and_test_is_there() -> None:
    declared = mutants.declaration()

    paths = {*declared.modules, *(test for tests in declared.modules.values() for test in tests)}
    assert [path for path in sorted(paths) if not (ROOT / path.partition("::")[0]).exists()] == []


def test_every_equivalent_mutant_is_of_a_line_that_is_there() -> None:
    for (module, operator, line), why in mutants.declaration().equivalent.items():
        lines = {mutants.without_comment(each) for each in (ROOT / module).read_text().splitlines()}
        assert line in lines, f"{module}: no line {line!r}"
        assert operator.startswith("core/") and why


def test_a_folder_stands_for_the_modules_below_it() -> None:
    declared = Declaration({"a/b/c.py": ["t"], "a/d.py": ["t"], "ab.py": ["t"]}, {}, 97)

    assert list(declared.below("a/")) == ["a/b/c.py", "a/d.py"]
    assert list(declared.below("a/d.py")) == ["a/d.py"]
    assert list(declared.below(None)) == ["a/b/c.py", "a/d.py", "ab.py"]


def test_an_unknown_module_is_one_line_and_exits_with_2() -> None:
    outcome = subprocess.run(
        [sys.executable, "-S", "dev.py", "mutate", "privacy/nothing.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 2
    assert outcome.stderr.startswith("dev.py mutate: no module 'privacy/nothing.py'; there are: ")
    assert len(outcome.stderr.splitlines()) == 1


def test_an_equivalent_mutant_counts_neither_way(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome({("m.py", missed().operator, "a < b"): "the same"}, [missed(), caught()])

    assert mutants.report(outcome, wanted_percent=100)
    assert "100.0 %  of 2 mutants caught, 0 missed, 1 equivalent" in capsys.readouterr().out


def test_too_many_missed_is_a_failure_that_shows_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert not mutants.report(Outcome({}, [missed(), caught()]), wanted_percent=51)

    printed = capsys.readouterr().out
    assert "missed: m.py:1  core/ReplaceComparisonOperator_Lt_LtE" in printed
    assert "50.0 %  of 2 mutants caught, 1 missed, 0 equivalent; wanted: 51 %" in printed


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project in place of this one. Its test runs load no plugin, which would take most of their time."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "limit.py").write_text(LIMIT)
    (checkout / "test_limit.py").write_text(TEST)
    (checkout / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.setattr(mutants, "ROOT", checkout)
    monkeypatch.setattr(mutants, "FOLDER", tmp_path / "mutants")
    monkeypatch.setattr(mutants, "PYTHON", Path(sys.executable))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return checkout


def test_a_small_project_is_mutated_in_a_copy_and_its_missed_line_is_printed(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enough = mutants.run({"limit.py": ["test_limit.py"]}, Declaration({}, {}, 97), workers=1)

    printed = capsys.readouterr().out
    assert not enough
    assert "missed: limit.py:16  core/ReplaceComparisonOperator_IsNot_Is\n    return name is not None" in printed
    assert printed.count("missed: ") == 1
    assert (checkout / "limit.py").read_text() == LIMIT


def test_tests_that_fail_without_a_change_stop_the_run(checkout: Path) -> None:
    (checkout / "limit.py").write_text(LIMIT.replace("<", ">"))

    with pytest.raises(mutants.SetupFailed, match=r"the tests of limit\.py, without any change failed"):
        mutants.run({"limit.py": ["test_limit.py"]}, Declaration({}, {}, 97), workers=1)
