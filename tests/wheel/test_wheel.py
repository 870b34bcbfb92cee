"""The wheel as somebody installs it: in a fresh environment, into a project of their own."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from analytics.collect.clean import VERSION
from tests.acceptance.product import copy_of_the_tree, free_port, wait_until
from tests.recipes import documented
from tools.environment import ROOT

# Packages are installed, on any network.
pytestmark = pytest.mark.timeout(900)
HERE = Path(__file__).parent
PACKAGES = ("analytics", "embedded_postgres", "privacy")


def run(*command: str | Path, cwd: Path, stdin: str | None = None) -> str:
    """What it printed, in an environment without this project's settings. Fails the test if it fails."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    found = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=kept, input=stdin, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout + found.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `python -m build` makes: first the source archive, then the wheel from that."""
    tree = copy_of_the_tree(tmp_path_factory.mktemp("tree"))
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--outdir", folder, ".", cwd=tree)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


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


@pytest.fixture(scope="module")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What `startproject` makes, with the wheel and the lines of docs/adopt.md."""
    folder = tmp_path_factory.mktemp("theirs")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-input", f"{wheel}[embedded,processor]", cwd=folder)
    run(python, "-m", "django", "startproject", "shop", cwd=folder)
    found = folder / "shop"
    port = free_port()
    run(python, "manage.py", "startapp", "people", cwd=found)
    shown = documented.files(ROOT / "docs" / "adopt.md")
    with (found / "shop" / "settings.py").open("a") as settings:
        settings.write(shown["settings.py"].replace("4317", str(port)))
        settings.write('ALLOWED_HOSTS = ["testserver"]\n')
    for name in ("people/models.py", "people/admin.py"):
        (found / name).write_text(shown[name])
    (found / "templates").mkdir()
    (found / "templates" / "base.html").write_text(shown["base.html"])
    (found / "shop" / "urls.py").write_text(shown["urls.py"])
    (found / "port").write_text(str(port))
    yield found


def manage(project: Path, *arguments: str, stdin: str | None = None) -> str:
    return run(project.parent / "venv" / "bin" / "python", "manage.py", *arguments, cwd=project, stdin=stdin)


def test_a_fresh_project_checks_migrates_and_stores_the_row_of_a_person_who_shares(project: Path) -> None:
    manage(project, "makemigrations", "people")
    assert "no issues" in manage(project, "check")
    manage(project, "migrate", "--verbosity", "0")
    manage(project, "migrate", "--check")
    assert "No changes detected" in manage(project, "makemigrations", "--check", "--dry-run")
    assert "analytics/static/telemetry/telemetry.js" in manage(project, "findstatic", "telemetry/telemetry.js")
    assert "export const catalogue" in manage(project, "export_catalogue", "--format", "typescript")

    port = (project / "port").read_text()
    python = project.parent / "venv" / "bin" / "python"
    processor = subprocess.Popen(
        [python, "manage.py", "run_telemetry_processor", "--listen", f"127.0.0.1:{port}"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
    )
    try:
        manage(project, "shell", stdin=(HERE / "use.py.txt").read_text())
        assert processor.poll() is None, "the processor has ended"
        rows = (
            "from analytics.models import FeatureUsage as F; print(F.objects.filter(feature_name='test_run').values())"
        )
        wait_until("the row", lambda: "'metadata': {'test_count': 3}" in manage(project, "shell", "-c", rows))
    finally:
        processor.terminate()
        processor.wait(timeout=60)
