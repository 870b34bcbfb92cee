"""The wheel as somebody installs it: in a fresh environment, into a project of their own."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from analytics.collect.clean import VERSION
from tests.wheel.projects import started
from tools.environment import ROOT

# Packages are installed, on any network.
pytestmark = pytest.mark.timeout(900)
PACKAGES = ("analytics", "embedded_postgres", "privacy")
# Lines of a block that a document shows, indented in its list.
SHOWN = re.compile(r"^ *```bash \w+\n((?: *python manage\.py .*\n)+) *```$", re.MULTILINE)
TABLES = "from django.db import connection; print(connection.introspection.table_names(include_views=True))"


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_string(archive.read(name).decode())


def committed(package: str) -> set[str]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", package]
    said = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in said.split("\0") if name and (ROOT / name).is_file()}


def test_the_wheel_has_every_file_of_its_packages_and_the_built_browser_module_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}

    browser = {f"analytics/static/telemetry/{path.name}" for path in (ROOT / "frontend/dist/telemetry").iterdir()}
    assert found == browser.union(*map(committed, PACKAGES))
    assert {f"{package}/py.typed" for package in PACKAGES} <= found
    assert {"analytics/static/telemetry/telemetry.js", "analytics/static/telemetry/index.d.ts"} <= browser


def test_the_metadata_say_who_what_for_whom_and_under_which_licence(metadata: Message) -> None:
    assert metadata["Version"] == VERSION
    assert (metadata["License-Expression"], metadata["License-File"]) == ("MIT", "LICENSE")
    assert set(metadata.get_all("Provides-Extra", [])) == {"processor", "embedded", "site"}
    for key in ("Summary", "Author-email", "Keywords", "Classifier", "Requires-Python"):
        assert metadata[key], key
    assert metadata.get_payload()


def test_what_the_host_shares_is_a_range_and_no_pin(metadata: Message) -> None:
    wanted = metadata.get_all("Requires-Dist", [])

    assert wanted and not [line for line in wanted if "==" in line.partition(";")[0]]


def test_this_version_is_in_the_changelog_and_both_are_in_the_source_archive(built: Path) -> None:
    assert f"\n## {VERSION}\n" in (ROOT / "CHANGELOG.md").read_text()
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "CHANGELOG.md", "SECURITY.md", "README.md", "frontend/dist/telemetry/telemetry.js"} <= names


def test_without_the_browser_module_and_without_node_there_is_no_wheel_and_a_reason(tmp_path: Path) -> None:
    # Only what the hook looks at: the build's own environment needs no package of ours.
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    found = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "built"), "."],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 1
    assert "No wheel was built: frontend/dist/telemetry/telemetry.js is missing. Run `python3 dev.py setup`" in (
        found.stdout + found.stderr
    )
    assert not list(tmp_path.glob("built/*"))


def test_a_fresh_project_checks_migrates_stores_the_row_of_a_person_who_shares_and_goes(
    python: Path, tmp_path: Path
) -> None:
    project = started(tmp_path, python)
    project.manage("makemigrations", "people")
    assert "no issues" in project.manage("check")
    project.manage("migrate", "--verbosity", "0")
    project.manage("migrate", "--check")
    assert "No changes detected" in project.manage("makemigrations", "--check", "--dry-run")
    assert "analytics/static/telemetry/telemetry.js" in project.manage("findstatic", "telemetry/telemetry.js")
    assert "export const catalogue" in project.manage("export_catalogue", "--format", "typescript")
    project.stores_the_row_of_a_person_who_shares()
    for document in ("upgrade", "uninstall"):
        (block,) = SHOWN.findall((ROOT / "docs" / f"{document}.md").read_text())
        for line in block.strip().splitlines():
            project.manage(*line.split()[2:])
    tables = project.manage("shell", "-c", TABLES)
    assert "people_user" in tables and "analytics_" not in tables and "privacy_" not in tables, tables
