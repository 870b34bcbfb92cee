"""docs/security.md: each requirement of ASVS 5.0.0 up to level 2 is there once, and each test it names exists."""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.support.databases import ROOT

# Section of the standard -> number of its requirements of levels 1 and 2, which come first in each.
SECTIONS = {
    "1": (2, 9, 11, 3, 2),
    "2": (3, 3, 4, 1),
    "3": (0, 2, 4, 6, 5, 0, 2),
    "4": (3, 1, 2, 4),
    "5": (1, 3, 2, 3),
    "6": (3, 12, 4, 4, 5, 3, 0, 4),
    "7": (3, 4, 2, 5, 2, 2),
    "8": (2, 3, 1, 1),
    "9": (3, 4),
    "11": (2, 3, 3, 4, 1, 1),
    "12": (3, 2, 4),
    "13": (1, 5, 2, 5),
    "14": (2, 4, 3),
    "15": (3, 3, 7),
    "16": (1, 5, 4, 3, 3),
}
WHOLE_CHAPTERS = ("10", "17")  # that do not apply
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    """Cells of each row of each table, headings left out."""
    lines = (ROOT / "docs" / "security.md").read_text().splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in table if row[0] not in ("number", "why", "---")]


def test_every_requirement_is_there_once(rows: list[list[str]]) -> None:
    found = [row[0] for row in rows if len(row) == 3]
    found += [number for row in rows if len(row) == 2 for number in row[1].split(", ")]
    wanted = [
        f"{chapter}.{section}.{number}"
        for chapter, numbers in SECTIONS.items()
        for section, last in enumerate(numbers, 1)
        for number in range(1, last + 1)
    ]
    wanted += [f"all of chapter {chapter}" for chapter in WHOLE_CHAPTERS]
    assert Counter(found) == Counter(wanted)


def test_each_has_a_test_a_document_or_a_reason(rows: list[list[str]]) -> None:
    for number, short, proof in (row for row in rows if len(row) == 3):
        assert short, number
        assert TEST.search(proof) or re.match(r"(Document|Exception): \S", proof), number


def test_every_test_that_is_named_exists(rows: list[list[str]]) -> None:
    named = {match for row in rows for match in TEST.findall(row[-1])}
    assert len(named) > 80
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    outcome = subprocess.run(
        [*collect, *sorted({path for path, _ in named})],
        cwd=ROOT,
        # A worker of xdist hands its role on to what it starts.
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout
    collected = set(re.findall(r"^(tests/[\w/]+\.py)::(test_\w+)", outcome.stdout, re.MULTILINE))
    assert named - collected == set()
